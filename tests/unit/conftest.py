"""Fixtures of the unit tests: an office in SQLite, ready to be synced in this process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import copy_sqlite
from tests.unit.office import ADAPTER, PROMPT, SAMPLE, Office, open_office


@pytest.fixture
def office(sqlite_template: Path, tmp_path: Path) -> Iterator[Office]:
    """One adapter with one sample and one prompt, never synced."""
    url = copy_sqlite(sqlite_template, tmp_path)
    with open_office(url, tmp_path, [ADAPTER, SAMPLE, PROMPT]) as opened:
        yield opened
