"""The time that the runner writes is the database server's: clocks of machines need not agree."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event

from sqltune.database.clocks import DatabaseClock, utc_now
from sqltune.database.connection import Database
from tests.engines import PYMYSQL, SERVERS

LATER = datetime(2030, 1, 1)


@pytest.mark.parametrize("database_engine", SERVERS)
def test_a_server_that_lives_in_another_year_says_which_it_is(database: Database) -> None:
    @event.listens_for(database.engine, "connect")
    def connected(connection: Any, _record: object) -> None:
        connection.cursor().execute("SET SESSION timestamp = 1000000000")

    database.engine.dispose()
    assert DatabaseClock(database)().year == 2001


def test_an_unavailable_server_leaves_this_machines_time() -> None:
    away = Database.open("mysql+pymysql://nobody@127.0.0.1:9/nowhere")
    before = utc_now()
    assert timedelta(0) <= DatabaseClock(away)() - before < timedelta(minutes=10)
    away.close()


@pytest.mark.parametrize("database_engine", PYMYSQL)
@pytest.mark.parametrize("hours", [3, -3])
def test_a_machine_clock_that_is_set_changes_no_time_that_is_written(
    database: Database, hours: int
) -> None:
    offset = timedelta(0)
    clock = DatabaseClock(database, machine_now=lambda: utc_now() + offset)
    before = clock()
    offset = timedelta(hours=hours)
    assert timedelta(0) <= clock() - before < timedelta(minutes=10)


@pytest.mark.parametrize("database_engine", PYMYSQL)
def test_a_machine_that_slept_asks_the_server_for_the_time(database: Database) -> None:
    machine, server = utc_now(), datetime(2029, 1, 1)
    clock = DatabaseClock(
        database, read_server=lambda _database: server, machine_now=lambda: machine
    )
    clock()
    # While it slept, its monotonic clock stood still and the server's clock went on.
    machine, server = machine + timedelta(hours=1), LATER
    assert LATER <= clock() < LATER + timedelta(minutes=10)
