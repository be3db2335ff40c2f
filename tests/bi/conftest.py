"""Fixtures of the tests that look at pages: a browser, and a database to report on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.bi.looking import Look
from tests.chromium import open_browser
from tests.databases import copy_sqlite
from tests.end_to_end.command import People, Sqltune
from tests.end_to_end.reported_office import make_history

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Yield a headless browser."""
    with open_browser() as opened:
        yield opened


@pytest.fixture
def look(browser: Browser) -> Iterator[Look]:
    """Yield what opens pages, and closes them at the end."""
    looking = Look(browser)
    yield looking
    looking.close()


@pytest.fixture(scope="session")
def report_folder(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a report on an adapter with hostile answers, and one never trained."""
    folder = tmp_path_factory.mktemp("reported")
    url = copy_sqlite(sqlite_template, folder)
    sqltune, people = Sqltune(folder, url), People(url)
    make_history(sqltune, people)
    people.declare("<b onclick='window.__ran=1'>Ünlü & Co</b>")
    sqltune.well("report", "-o", "pages")
    sqltune.close()
    people.close()
    return folder / "pages"
