"""The time that the runner writes is the database server's: clocks of machines need not agree."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from pipeline.database.connection import Database
from pipeline.wiring import DatabaseClock, utc_now

SERVERS = ["mariadb-pymysql", "mariadb-singlestoredb"]


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
