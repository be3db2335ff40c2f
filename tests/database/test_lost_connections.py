"""Connections that break or go silent: what is lost, what is released, what is replaced."""

from __future__ import annotations

import socket
import threading

import pytest
from sqlalchemy import text

from sqltune.database.connection import Database
from sqltune.database.reading import open_reading_cursor
from sqltune.errors import DatabaseUnavailable
from tests.database.connections import (
    SAMPLE,
    Open,
    connection_number,
    connection_numbers,
    count_samples,
    kill_connection,
)
from tests.engines import on_servers
from tests.faulty_network import FaultyNetwork, open_network
from tests.sql_server import SqlServer

STATES = "SELECT adapter_name FROM adapter_states ORDER BY adapter_name"


def write_over_killed_connection(database: Database, *, writes_after: bool) -> None:
    with database.transaction() as session:
        session.insert("insert_sample", **SAMPLE)
        kill_connection(database, connection_number(session))
        if writes_after:
            session.insert("insert_sample", **SAMPLE)


@on_servers
def test_a_lost_connection_is_reported_and_the_next_transaction_works(database: Database) -> None:
    with pytest.raises(DatabaseUnavailable):
        write_over_killed_connection(database, writes_after=True)
    assert count_samples(database) == 0
    with database.transaction() as session:
        session.insert("insert_sample", **SAMPLE)
    assert count_samples(database) == 1


@on_servers
def test_a_connection_lost_before_the_commit_leaves_nothing(database: Database) -> None:
    with pytest.raises(DatabaseUnavailable):
        write_over_killed_connection(database, writes_after=False)
    assert count_samples(database) == 0


@on_servers
def test_a_connection_that_was_killed_while_idle_is_not_noticed(
    database: Database, database_url: str, open_url: Open
) -> None:
    with database.read() as session:
        number = connection_number(session)
    kill_connection(open_url(database_url), number)
    assert count_samples(database) == 0
    with database.read() as session:
        assert connection_number(session) != number


@on_servers
def test_a_silent_transaction_is_rolled_back_and_its_locks_are_released(
    database_url: str, sql_server: SqlServer, open_url: Open
) -> None:
    """The runner is alive, but nothing that it sends reaches the server any more."""
    other = open_url(database_url, lock_wait_seconds=30)
    with open_network(sql_server.port) as network:
        through_network = database_url.replace(f":{sql_server.port}/", f":{network.port}/")
        cut_off = open_url(through_network, lock_wait_seconds=1, silence_seconds=1)
        with pytest.raises(DatabaseUnavailable):
            write_and_fall_silent(cut_off, network, other)
    assert adapters_with_states(other) == ["a"]


def write_and_fall_silent(cut_off: Database, network: FaultyNetwork, other: Database) -> None:
    """Insert a row that another database inserts too, which has to wait for the end of this one."""
    with cut_off.transaction() as session:
        session.execute("add_adapter_state", adapter_name="a")
        network.fall_silent()
        with other.transaction() as waiting:
            waiting.execute("add_adapter_state", adapter_name="a")
        session.execute("add_adapter_state", adapter_name="b")


def adapters_with_states(database: Database) -> list[str]:
    with database.read() as session:
        return [row.adapter_name for row in session.connection.execute(text(STATES))]


def test_a_server_that_never_greets_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        database = Database.open(f"mysql+pymysql://u@127.0.0.1:{port}/d?connect_timeout=1")
        with pytest.raises(DatabaseUnavailable), database.read():
            pass
        database.close()


@on_servers
def test_a_connection_that_the_server_closed_in_the_pool_is_replaced(
    database_url: str, open_url: Open
) -> None:
    database = open_url(database_url, lock_wait_seconds=1)
    with database.read() as session:
        number = connection_number(session)
        session.connection.exec_driver_sql("SET SESSION wait_timeout = 1")
    other = open_url(database_url)
    while number in connection_numbers(other):
        threading.Event().wait(0.1)
    assert count_samples(database) == 0


@on_servers
def test_the_connection_of_a_selection_outlasts_slow_work_on_its_rows(
    database_url: str, open_url: Open
) -> None:
    database = open_url(database_url, lock_wait_seconds=1)
    cursor = open_reading_cursor(database, timeout_seconds=60)
    try:
        cursor.execute("SELECT @@SESSION.wait_timeout", {})
        assert cursor.fetch(1) == [(4200,)]
    finally:
        cursor.close()
