"""The guard against the engines themselves: nothing that it refuses by name ever runs."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from random import Random

import pymysql
import pytest

from sqltune.database.connection import EngineKind
from sqltune.errors import QueryRefused
from sqltune.selection.guard import guard_query
from tests.database.guarded_texts import HARMLESS, SERVER_HARMLESS, random_texts
from tests.engines import SERVER_FIXTURES, SERVERS, driver_of
from tests.sql_server import SqlServer

TEXTS = 3000
MODES = [
    "",
    "ANSI_QUOTES",
    "NO_BACKSLASH_ESCAPES",
    "ANSI_QUOTES,NO_BACKSLASH_ESCAPES",
    "ANSI_QUOTES,MSSQL",
]


@pytest.fixture
def server(request: pytest.FixtureRequest, database_engine: str) -> SqlServer:
    found: SqlServer = request.getfixturevalue(SERVER_FIXTURES[database_engine])
    return found


@pytest.fixture
def connection(server: SqlServer) -> Iterator[pymysql.Connection[pymysql.cursors.Cursor]]:
    with server.connect("mysql") as connection:
        yield connection


def accepted(kind: EngineKind, seed: int, sql_modes: Callable[[], str]) -> Iterator[str]:
    """What the guard makes of random texts, unless it refuses them."""
    for text in random_texts(seed, TEXTS):
        with suppress(QueryRefused):
            yield guard_query(text, kind, frozenset(sql_modes().split(",")))


@pytest.mark.slow
def test_sqlite_runs_no_refused_function_of_an_accepted_text() -> None:
    ran: list[tuple[object, ...]] = []
    tried = 0
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.create_function("get_lock", -1, lambda *values: ran.append(values))
        for sent in accepted(EngineKind.SQLITE, 1, str):
            tried += 1
            with suppress(sqlite3.Error):
                connection.execute(sent).fetchall()
            assert ran == [], sent
    assert tried > TEXTS / 20


@pytest.mark.slow
@pytest.mark.parametrize("database_engine", SERVERS)
def test_no_server_runs_a_refused_function_of_an_accepted_text_in_any_sql_mode(
    connection: pymysql.Connection[pymysql.cursors.Cursor], database_engine: str
) -> None:
    rng = Random(2)
    kind = kind_of(database_engine)
    tried = 0
    with connection.cursor() as cursor:
        for sent in accepted(kind, 2, lambda: rng.choice(MODES)):
            tried += 1
            for mode in MODES:
                with suppress(pymysql.Error):  # MySQL does not have MSSQL
                    cursor.execute(f"SET sql_mode = '{mode}'")
                with suppress(pymysql.Error):
                    cursor.execute(sent)
                cursor.execute("SELECT @m, RELEASE_LOCK('m')")
                assert cursor.fetchall() == ((None, None),), (mode, sent)
    assert tried > TEXTS / 20


@pytest.mark.parametrize("query", HARMLESS)
def test_sqlite_answers_what_is_sent_as_it_answers_what_was_written(query: str) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        sent = guard_query(query, EngineKind.SQLITE)
        assert connection.execute(sent).fetchall() == connection.execute(query).fetchall()


@pytest.mark.parametrize("database_engine", SERVERS)
def test_a_server_answers_what_is_sent_as_it_answers_what_was_written(
    connection: pymysql.Connection[pymysql.cursors.Cursor], database_engine: str
) -> None:
    with connection.cursor() as cursor:
        for query in [*HARMLESS, *SERVER_HARMLESS]:
            answers = []
            for text in (query, guard_query(query, kind_of(database_engine))):
                cursor.execute(text)
                answers.append(cursor.fetchall())
            assert answers[0] == answers[1], query


def kind_of(database_engine: str) -> EngineKind:
    """The dialect of an engine's addresses."""
    is_mysql = driver_of(database_engine) == "mysql+pymysql"
    return EngineKind.MYSQL if is_mysql else EngineKind.SINGLESTORE
