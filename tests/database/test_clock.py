"""The time that the runner writes is the database server's: clocks of machines need not agree."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event

from pipeline import wiring
from pipeline.database.connection import Database
from pipeline.wiring import DatabaseClock, utc_now

SERVERS = ["mariadb-pymysql", "mariadb-singlestoredb"]
LATER = datetime(2030, 1, 1)


@pytest.mark.parametrize("database_engine", SERVERS)
def test_a_server_that_lives_in_another_year_says_which_it_is(database: Database) -> None:
    @event.listens_for(database.engine, "connect")
    def connected(connection: Any, _record: object) -> None:
        connection.cursor().execute("SET SESSION timestamp = 1000000000")

    database.engine.dispose()
    assert DatabaseClock(database)().year == 2001


def test_a_server_that_is_away_leaves_this_machines_time() -> None:
    away = Database.open("mysql+pymysql://nobody@127.0.0.1:9/nowhere")
    before = utc_now()
    assert timedelta(0) <= DatabaseClock(away)() - before
    away.close()


@pytest.mark.parametrize("database_engine", ["mariadb-pymysql"])
@pytest.mark.parametrize("hours", [3, -3])
def test_a_clock_that_somebody_sets_here_changes_no_time_that_is_written(
    database: Database, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    clock = DatabaseClock(database)
    before = clock()
    monkeypatch.setattr(wiring, "utc_now", lambda: utc_now() + timedelta(hours=hours))
    assert timedelta(0) <= clock() - before < timedelta(minutes=10)


@pytest.mark.parametrize("database_engine", ["mariadb-pymysql"])
def test_a_machine_that_slept_asks_the_server_for_the_time(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = DatabaseClock(database)
    clock()
    # Its seconds stood still, and the server's went on.
    monkeypatch.setattr(wiring, "utc_now", lambda: utc_now() + timedelta(hours=1))
    monkeypatch.setattr(wiring.clocks, "utc_time", lambda _database: LATER)
    assert LATER <= clock() < LATER + timedelta(minutes=10)
