"""`sqltune report`: pages that say what changed, whatever people and models wrote."""

from __future__ import annotations

import re
from pathlib import Path

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
