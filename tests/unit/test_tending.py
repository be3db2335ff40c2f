"""Whoever looks at the rows of runs may be late: what a runner did meanwhile is not spoilt."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from sqltune.database.connection import Database
from sqltune.database.tables import requests, runs
from sqltune.records import OpenRun
from tests.databases import copy_sqlite

NOW = datetime(2026, 11, 23, 6, 0)


@pytest.fixture
def database(sqlite_template: Path, tmp_path: Path) -> Iterator[Database]:
    """A migrated SQLite database with a run that nobody works on."""
    opened = Database.open(copy_sqlite(sqlite_template, tmp_path))
    write(
        opened,
        "INSERT INTO runs (run_id, adapter_name, state, run_key, attempt_count)"
        " VALUES (1, 'office', 'training', 'key-1', 1)",
    )
    yield opened
    opened.close()


def write(database: Database, statement: str) -> None:
    with database.transaction() as session:
        session.connection.execute(text(statement))


def see(database: Database) -> OpenRun:
    with database.read() as session:
        (run,) = requests.list_open_runs(session)
    return run


def show(database: Database, run: OpenRun) -> bool:
    with database.transaction() as session:
        return requests.show_waiting(
            session, run, next_step="a sync goes on", stuck="nobody works on it"
        )


def standing(database: Database) -> tuple[int, str | None]:
    with database.read() as session:
        row = session.connection.execute(text("SELECT is_stuck, next_step FROM runs")).one()
    return row.is_stuck, row.next_step


def test_a_run_that_nobody_took_up_since_is_marked(database: Database) -> None:
    assert show(database, see(database))
    assert standing(database) == (1, "a sync goes on")


def test_a_run_that_was_taken_up_since_is_not_marked_as_stuck(database: Database) -> None:
    seen = see(database)
    with database.transaction() as session:
        runs.begin_run(session, 1, now=NOW)
    assert not show(database, seen)
    assert standing(database) == (0, None)


def test_a_run_that_ended_since_keeps_its_last_word(database: Database) -> None:
    seen = see(database)
    write(database, "UPDATE runs SET state = 'succeeded', next_step = 'nothing: it is done'")
    assert not show(database, seen)
    assert standing(database) == (0, "nothing: it is done")
