"""`sqltune report`: pages that say what changed, whatever people and models wrote."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end.command import People, Sqltune
from tests.end_to_end.reported_office import make_history
from tests.html_pages import Page, read_page

GOLDEN = Path(__file__).with_name("reported_office.txt")
_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d")
_TOOK = re.compile(r"\b(\d+ min )?\d+(\.\d)? s\b")
#: All that a page is made of: nothing that runs, embeds or sends.
ELEMENTS = {
    *(
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "header",
        "main",
        "footer",
        "nav",
        "section",
    ),
    *("h1", "h2", "h3", "h4", "p", "a", "ul", "li", "dl", "div", "dt", "dd", "small", "blockquote"),
    *("table", "caption", "thead", "tbody", "tr", "th", "td", "details", "summary", "figure"),
    *("figcaption", "svg", "path", "span", "strong", "bdi", "del", "ins", "code", "br"),
}


def open_page(sqltune: Sqltune, *arguments: str, file: str = "sqltune-report.html") -> Page:
    """Write a report, and read the page that its link leads to."""
    done = sqltune.well("report", *arguments)
    path = sqltune.folder / file
    assert done.out == f"{path.resolve().as_uri()}\n"
    return read_page(path.read_text("utf-8"))


def test_the_page_says_what_changed_and_what_became_worse(
    sqltune_on: Sqltune, people_on: People
) -> None:
    make_history(sqltune_on, people_on)
    page = open_page(sqltune_on, "office")
    text = _TOOK.sub("TOOK", _TIME.sub("TIME", page.text))
    assert text == GOLDEN.read_text("utf-8").rstrip("\n")
    assert_harmless(page)


def assert_harmless(page: Page) -> None:
    """Check that nothing on a page runs, embeds, sends or leads elsewhere."""
    assert page.names <= ELEMENTS
    for name, attributes in page.elements:
        assert not [each for each in attributes if each.startswith("on") or each == "src"]
        if "href" in attributes:
            assert re.fullmatch(r"(#[a-z]+|[a-z0-9~_-]+\.html)", attributes["href"] or ""), name
    policies = [attributes.get("content") for _, attributes in page.elements]
    assert any((policy or "").startswith("default-src 'none'; style-src") for policy in policies)


def test_several_adapters_are_a_folder_with_an_index(sqltune: Sqltune, people: People) -> None:
    names = ["office", "Ünï & <i>co</i>", "../up", "index", "INDEX", "a" * 100]
    for name in names:
        people.declare(name)
    page = open_page(sqltune, "-o", "out/pages", file="out/pages/index.html")
    assert_harmless(page)
    links = [each["href"] or "" for name, each in page.elements if name == "a" and "href" in each]
    pages = [link for link in links if not link.startswith("#")]
    assert len({page.lower() for page in pages}) == len(names)
    assert "office.html" in pages
    folder = sqltune.folder / "out" / "pages"
    assert sorted(pages) == sorted(path.name for path in folder.iterdir() if path.stem != "index")
    for name in names:
        assert f"{name}\nNo version was evaluated yet; nothing is live." in page.text
    for path in folder.iterdir():
        assert_harmless(read_page(path.read_text("utf-8")))


def test_a_place_that_cannot_be_written_is_refused_before_a_sync_trains(
    sqltune: Sqltune, people: People, office: str
) -> None:
    (sqltune.folder / "here").mkdir()
    done = sqltune("sync", "--report-to", "here", office)
    assert done.code == 2
    assert people.count("runs") == 0


def test_a_page_says_why_a_run_failed_and_which_rows_are_bad(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    people.teach(trained_office, "", "To nothing.")
    done = sqltune("sync", "--report-to", "now.html", trained_office)
    assert done.code == 1
    path = sqltune.folder / "now.html"
    assert done.err.endswith(f"report: {path.as_uri()}\n")
    text = read_page(path.read_text("utf-8")).text
    assert "\nThe last run failed. v1 is live.\nRun 2 failed: 1 of 2 rows cannot be " in text
    assert "\nRows that were found bad\nRun 2\n" in text
    assert "\nempty\ntraining\nerror\n1\n" in text
    assert "\nerror, training row 2, column prompt: " in text


def test_a_version_that_differs_in_its_options_alone_has_no_changed_sample(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    first = open_page(sqltune, trained_office)
    assert "\nData\n1 sample; all of them new.\n" in first.text
    people.do("UPDATE adapters SET epochs = 2")
    sqltune.well("sync")
    page = open_page(sqltune, trained_office)
    assert "\nData\n1 sample; none changed.\n" in page.text
    assert (
        "\nOptions that differ from those of v1\nOption\nBefore\nNow\nepochs\n1\n2\n" in page.text
    )


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("report", "ofice"), "no adapter named 'ofice' in table adapters: did you mean 'office'?"),
        (("report", "office", "-o", "."), "'.' is a folder: the report on one adapter is a file"),
        (("report", "-o", "all.html"), "'all.html' names a file: name one adapter, or a folder"),
        (("sync", "--dry-run", "--report"), "--dry-run writes nothing: leave out --report"),
    ],
)
def test_what_cannot_be_written_is_refused_in_words(
    sqltune: Sqltune, office: str, arguments: tuple[str, ...], reason: str
) -> None:
    before = sorted(sqltune.folder.iterdir())
    done = sqltune(*arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.endswith(f"{reason}\n")
    assert sorted(sqltune.folder.iterdir()) == before


def make_fifo(path: Path) -> None:
    os.mkfifo(path)


def make_link(path: Path) -> None:
    path.symlink_to("victim")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (make_fifo, "is no regular file: a report replaces nothing else"),
        (make_link, "is a symbolic link: name the file that it leads to"),
    ],
)
@pytest.mark.parametrize("arguments", [("office", "-o", "pages/office.html"), ("-o", "pages")])
def test_what_is_no_regular_file_is_not_replaced(
    sqltune: Sqltune,
    office: str,
    arguments: tuple[str, ...],
    make: Callable[[Path], None],
    reason: str,
) -> None:
    folder = sqltune.folder / "pages"
    folder.mkdir()
    make(folder / "office.html")
    before = os.lstat(folder / "office.html")
    done = sqltune("report", *arguments)
    assert (done.code, done.err) == (2, f"sqltune: pages/office.html {reason}\n")
    after = os.lstat(folder / "office.html")
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)
    assert [path.name for path in folder.iterdir()] == ["office.html"]


def test_a_place_that_cannot_be_written_is_named(sqltune: Sqltune, office: str) -> None:
    (sqltune.folder / "file").touch()
    done = sqltune("report", "office", "-o", "file/page.html")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("sqltune: cannot write file/page.html: ")
