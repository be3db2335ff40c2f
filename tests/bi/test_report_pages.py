"""The pages of `sqltune report` in a browser: safe, accessible, good on a phone and on paper."""

from __future__ import annotations

from pathlib import Path

import pytest

from sqltune.database.clocks import utc_now
from sqltune.database.connection import Database
from sqltune.operations.reporting import write_reports
from tests.bi.looking import DESK, PHONE, Look
from tests.databases import copy_sqlite
from tests.long_history import ADAPTER, insert_long_history

pytestmark = pytest.mark.bi


def pages_of(folder: Path) -> list[Path]:
    pages = sorted(folder.iterdir())
    assert len(pages) == 3
    return pages


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_nothing_of_what_models_and_people_wrote_runs_and_no_page_is_wider_than_the_screen(
    look: Look, report_folder: Path, width: int
) -> None:
    for path in pages_of(report_folder):
        page = look(path, width=width)
        assert page.evaluate("window.__ran") is None
        assert page.evaluate("document.documentElement.scrollWidth") == width
        # Nothing is cut off at the edge, in boxes that do not scroll.
        wide = "[...document.querySelectorAll('main *')].filter(e => !e.closest('svg,thead')"
        wide += f" && e.getBoundingClientRect().right > {width}).map(e => e.outerHTML)"
        assert page.evaluate(wide) == []
        assert page.locator("h1").count() == 1
        assert look.noticed == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_pass_the_rules_of_axe(look: Look, report_folder: Path, scheme: str) -> None:
    # The other tests need none of it.
    from axe_playwright_python.sync_playwright import Axe

    for path in pages_of(report_folder):
        page = look(path, scheme="dark" if scheme == "dark" else "light")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == (
            "rgb(18, 22, 28)" if scheme == "dark" else "rgb(244, 245, 247)"
        )
        results = Axe().run(page)
        assert results.violations_count == 0, results.generate_report()


def test_a_page_can_be_read_by_keyboard(look: Look, report_folder: Path) -> None:
    page = look(report_folder / "office.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#content"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.parentElement.open") is False


def test_paper_has_what_a_screen_folds_away(look: Look, report_folder: Path) -> None:
    page = look(report_folder / "office.html", scheme="dark")
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = false")
    answer = page.get_by_text("Yes, dogs are welcome.")
    assert not answer.is_visible()
    page.emulate_media(media="print")
    assert answer.is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_years_of_history_stay_a_small_page_that_shows_the_first_prompts_at_once(
    look: Look, sqlite_template: Path, tmp_path: Path
) -> None:
    database = Database.open(copy_sqlite(sqlite_template, tmp_path))
    insert_long_history(database, versions=200, prompts=2_000, steps=5_000)
    path = write_reports(database, [ADAPTER], tmp_path / "long.html", now=utc_now)
    database.close()
    assert path.stat().st_size < 5_000_000
    page = look(path, width=PHONE, unfold=False)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE
    shown = page.locator(".prompts > li").count()
    assert shown > 1_000, "all that became worse, and some of the others"
    left_out = f"{2_000 - shown:,} more are in the view report_before_after."
    assert page.get_by_text(left_out).count() == 1
    assert page.locator(".prompts > li:visible").count() == 50
    assert page.get_by_text("last step 0.0006, 5,000 steps").count() == 1
    assert look.noticed == []
