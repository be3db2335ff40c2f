"""What tests share: the run of answers, scores and verdicts, and how files are imported."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sqltune.database.connection import Database
from tests.database.asking_office import Office
from tests.database.evaluated_run import EvaluatedRun
from tests.database.imported_files import Bring, bringer
from tests.database.report_rows import insert_history
from tests.database.selecting import Desk


@pytest.fixture
def run(database: Database, tmp_path: Path) -> Iterator[EvaluatedRun]:
    run = EvaluatedRun(database, tmp_path)
    run.claim()
    run.add_run(1)
    yield run
    run.close()


@pytest.fixture
def bring(desk: Desk, tmp_path: Path) -> Bring:
    return bringer(desk, tmp_path)


@pytest.fixture
def reported(database: Database) -> Database:
    """A database with the history of `report_rows`."""
    insert_history(database)
    return database


@pytest.fixture
def office(database: Database, tmp_path: Path) -> Iterator[Office]:
    office = Office(database, tmp_path)
    office.train()
    yield office
    office.close()
