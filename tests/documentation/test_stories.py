"""A reader who follows a page from top to bottom gets what the page shows.

Each page is run in a folder of its own, on empty tables or after the demo. Only the demo trains the
base model that the pages name; where a page trains one itself, a small model takes its place.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tests.documentation.pages import page_names, read_blocks, read_page
from tests.documentation.story import BIN, Story
from tests.small_model import fill_hub_cache

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
#: Pages whose reader has run the demo before, and reads what its base model answered.
AFTER_THE_DEMO = (
    "docs/python-api.md",
    "docs/results.md",
    "docs/scoring.md",
)
#: Pages on which a reader's own rows are trained, or the demo's once more.
TRAINING = ("README.md", "docs/control.md", "docs/getting-started.md", "docs/serve.md")
PAGES = [page for page in page_names() if read_blocks(page)]
ARTICLES_QUESTION = "Who is Pavan Belagatti?"


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return a folder in which the demo was run for real, and what it printed."""
    folder = tmp_path_factory.mktemp("demo")
    story = Story(folder)
    done = run_sqltune(story, "demo")
    assert done.returncode == 0, done.stderr
    report = folder / "sqltune-report.html"
    assert done.stderr.endswith(f"report: {report.as_uri()}\n")
    assert "Who is Pavan Belagatti?" in report.read_text("utf-8")
    return folder, done.stdout


def run_sqltune(story: Story, command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BIN / "sqltune", command],
        cwd=story.folder,
        env=story.environment,
        capture_output=True,
        text=True,
        check=False,
    )


def begin_after(demo: tuple[Path, str], folder: Path) -> Story:
    """Return a story on a copy of the demo's database; its weights stay where they are."""
    shutil.copy(demo[0] / "sqltune.db", folder)
    story = Story(folder, printed={"make demo": demo[1]})
    story.environment["SQLTUNE_ARTIFACTS"] = str(demo[0] / "artifacts")
    return story


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_shows_is_what_its_reader_gets(
    page: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    if page in AFTER_THE_DEMO:
        story = begin_after(request.getfixturevalue("demo"), tmp_path)
    else:
        story = Story(tmp_path, printed={"make demo": ""})
        if page in TRAINING:
            fill_hub_cache(tmp_path / "hub")
            story.environment["HF_HUB_CACHE"] = str(tmp_path / "hub")
        first = "demo" if page == "docs/control.md" else "init"
        assert run_sqltune(story, first).returncode == 0
    story.follow(read_blocks(page))


def test_the_demo_makes_the_wrong_answer_to_the_articles_question_right(
    demo: tuple[Path, str],
) -> None:
    """On a real pretrained model, with default settings."""
    with closing(sqlite3.connect(demo[0] / "sqltune.db")) as connection:
        ((before, after),) = connection.execute(
            "SELECT response_before, response_after FROM report_before_after WHERE prompt = ?",
            (ARTICLES_QUESTION,),
        )
    assert "developer advocate" not in before
    assert "developer advocate" in after


def test_the_demo_prints_what_the_readme_shows(demo: tuple[Path, str]) -> None:
    """Some prompts, the SQL and the scores are compared; other processors may word an answer
    otherwise.
    """
    shown = read_page("README.md").split("<!-- demo output -->")[1].split("<!-- end of")[0]
    _, printed = demo
    query = shown[shown.index("SELECT") : shown.index(";")]
    assert query in printed
    assert len(scores(shown)) == 4
    assert scores(shown).items() <= scores(printed).items()


def test_the_demo_trains_nothing_the_second_time(demo: tuple[Path, str], tmp_path: Path) -> None:
    again = run_sqltune(begin_after(demo, tmp_path), "demo")
    assert again.returncode == 0, again.stderr
    assert "nothing was trained" in again.stderr
    assert "INSERT" not in again.stdout


def scores(printed: str) -> dict[str, str]:
    """Return the scores before and after by prompt."""
    found = re.findall(r"^(\w+  \S+ -> \S+(?:  leaked)?)  (.+)$", printed, re.MULTILINE)
    return {prompt: outcome for outcome, prompt in found}
