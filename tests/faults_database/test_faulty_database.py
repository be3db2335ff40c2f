"""A database that restarts, fills up, refuses writes, kills connections or keeps locks."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from itertools import product
from pathlib import Path
from threading import Timer
from typing import Any

import pymysql
import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError

from sqltune.database import migrations
from sqltune.database.clocks import utc_now
from sqltune.database.connection import Database
from sqltune.database.engines import READS_ONLY
from sqltune.errors import DatabaseError, DatabaseUnavailable
from tests.faults_database.conftest import Office, Rows
from tests.mariadb_server import kill_and_start_again, start_server
from tests.sql_server import SqlServer

pytestmark = pytest.mark.faults

#: How long a person keeps a lock.
KEPT_SECONDS = 0.3


def at_commit(number: int, do: Callable[[Any], None]) -> Callable[[Database], None]:
    """Return what does something right before the n-th commit."""
    seen = 0

    def prepare(database: Database) -> None:
        @event.listens_for(database.engine, "commit")
        def committing(connection: Any) -> None:
            nonlocal seen
            seen += 1
            if seen == number:
                do(connection)

    return prepare


def at_checkout(number: int, do: Callable[[], None]) -> Callable[[Database], None]:
    """Return what does something right before the n-th transaction begins."""
    seen = 0

    def prepare(database: Database) -> None:
        @event.listens_for(database.engine, "checkout")
        def connected(*_connection: object) -> None:
            nonlocal seen
            seen += 1
            if seen == number:
                do()

    return prepare


def refuse(number: int) -> Callable[[Any], None]:
    """Return what raises a server's error in place of the commit, once."""

    def strike(connection: Any) -> None:
        connection.connection.driver_connection.rollback()
        raise OperationalError("COMMIT", {}, pymysql.err.OperationalError(number, "try again"))

    return strike


@pytest.mark.parametrize(
    ("number", "commit"),
    # Lock timeout and deadlock; too many connections of this user, and its limit reached.
    [*product((1205, 1213), (2, 5, 9, 13, 17)), (1203, 5), (1226, 9)],
)
def test_a_lock_that_was_refused_is_asked_for_again_and_the_run_completes(
    office: Office, mariadb_url: str, undisturbed: Rows, number: int, commit: int
) -> None:
    office.sync(mariadb_url, prepare=at_commit(commit, refuse(number)))
    assert office.results() == undisturbed


@pytest.mark.parametrize("commit", [2, 6, 10, 14, 18])
def test_a_connection_that_an_operator_kills_is_made_again_and_the_run_completes(
    office: Office, mariadb_url: str, mariadb_server: SqlServer, undisturbed: Rows, commit: int
) -> None:
    def kill(connection: Any) -> None:
        number = connection.connection.driver_connection.thread_id()
        mariadb_server.execute(f"KILL {number}")

    office.sync(mariadb_url, prepare=at_commit(commit, kill))
    assert office.results() == undisturbed


def test_killing_every_connection_at_once_changes_nothing(
    office: Office, mariadb_url: str, mariadb_server: SqlServer, undisturbed: Rows
) -> None:
    def kill_all(_connection: object) -> None:
        found = mariadb_server.execute(
            "SELECT id FROM information_schema.processlist WHERE user <> 'root'"
        )
        for (number,) in found:
            mariadb_server.execute(f"KILL {number}")

    office.sync(mariadb_url, prepare=at_commit(9, kill_all))
    office.database.close()
    assert office.results() == undisturbed


def test_a_server_that_is_killed_and_started_again_in_the_middle_changes_nothing(
    tmp_path: Path, undisturbed: Rows
) -> None:
    with start_server() as first:
        first.execute("CREATE DATABASE faults CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
        url = first.url("mysql+pymysql", "faults")
        database = Database.open(url)
        migrations.apply(database, now=utc_now)
        office = Office(database, tmp_path)
        office.fill()
        again: list[SqlServer] = []
        office.sync(url, prepare=at_commit(11, lambda _: again.append(kill_and_start_again(first))))
        database.close()
        try:
            assert office.results() == undisturbed
        finally:
            database.close()
            again[0].process.kill()
            again[0].process.wait()


def test_a_server_that_takes_no_writes_ends_the_sync_and_the_next_one_completes(
    office: Office, mariadb_url: str, mariadb_server: SqlServer, undisturbed: Rows
) -> None:
    # A user with all privileges may also write to a server that is read-only.
    mariadb_server.execute(
        "CREATE OR REPLACE USER writer@'127.0.0.1' IDENTIFIED BY 'writer'",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON faults.* TO writer@'127.0.0.1'",
    )
    url = mariadb_server.url("mysql+pymysql", "faults", user="writer", password="writer")
    try:
        with pytest.raises(DatabaseUnavailable, match="read-only"):
            office.sync(
                url,
                prepare=at_commit(9, lambda _: mariadb_server.execute("SET GLOBAL read_only = 1")),
                pauses_seconds=(0.0, 0.0),
            )
    finally:
        mariadb_server.execute("SET GLOBAL read_only = 0")
    assert office.value("SELECT COUNT(*) FROM runs WHERE finished_at IS NULL") == 1
    office.expire_leases()
    office.sync(mariadb_url)
    assert office.results() == undisturbed


def test_a_lock_that_a_person_keeps_on_the_lease_is_waited_for(
    office: Office, mariadb_url: str, undisturbed: Rows
) -> None:
    person = office.database.engine.connect()
    person.execute(text("SELECT 1"))
    release = Timer(KEPT_SECONDS, person.rollback)

    def lock(_connection: object) -> None:
        person.execute(text("UPDATE runs SET desired_state = 'running'"))
        release.start()

    def impatient(database: Database) -> None:
        at_commit(9, lock)(database)

        @event.listens_for(database.engine, "connect")
        def connected(connection: Any, _record: object) -> None:
            connection.query("SET SESSION innodb_lock_wait_timeout = 1")

    office.sync(mariadb_url, prepare=impatient)
    release.join()
    person.close()
    assert office.results() == undisturbed


@pytest.fixture
def file_url(file_office: Office) -> str:
    """The address of the office's file."""
    return str(file_office.database.engine.url)


@pytest.mark.parametrize("commit", [3, 8, 12])
def test_a_disk_that_is_full_ends_the_sync_clearly_and_the_next_one_completes(
    file_office: Office, file_url: str, undisturbed: Rows, commit: int
) -> None:
    commits = 0

    def fill_disk(database: Database) -> None:
        @event.listens_for(database.engine, "begin")
        def begun(connection: Any) -> None:
            if commits >= commit and not connection.get_execution_options().get(READS_ONLY):
                full = sqlite3.OperationalError("database or disk is full")
                raise OperationalError("INSERT", {}, full)

        @event.listens_for(database.engine, "commit")
        def committing(_connection: object) -> None:
            nonlocal commits
            commits += 1

    with pytest.raises(DatabaseError, match="disk is full"):
        file_office.sync(file_url, prepare=fill_disk, pauses_seconds=(0.0, 0.0))
    file_office.expire_leases()
    file_office.sync(file_url)
    assert file_office.results() == undisturbed


def test_a_file_that_may_not_be_written_is_reported_and_the_next_sync_completes(
    file_office: Office, file_url: str, undisturbed: Rows
) -> None:
    path = file_url.removeprefix("sqlite:///")
    with pytest.raises(DatabaseError, match="the database may not be written"):
        file_office.sync(f"sqlite:///file:{path}?mode=ro&uri=true")
    file_office.sync(file_url)
    assert file_office.results() == undisturbed


@pytest.mark.parametrize("number", [5, 20, 40])
def test_a_writer_who_keeps_the_file_locked_is_waited_for(
    file_office: Office, file_url: str, undisturbed: Rows, number: int
) -> None:
    path = file_url.removeprefix("sqlite:///")
    person = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    release = Timer(KEPT_SECONDS, person.execute, ["ROLLBACK"])

    def lock() -> None:
        person.execute("BEGIN IMMEDIATE")
        release.start()

    with closing(person):
        file_office.sync(file_url, prepare=at_checkout(number, lock))
        release.join()
        assert file_office.results() == undisturbed


def test_weights_that_find_no_room_leave_a_failed_run_that_is_tried_again(
    file_office: Office, file_url: str, undisturbed: Rows
) -> None:
    artifacts = file_office.folder / "artifacts"
    artifacts.write_text("no folder")  # root may write anywhere, but not into a file
    (outcome,) = file_office.sync(file_url)
    assert (outcome.state, file_office.value("SELECT is_retryable FROM runs")) == ("failed", 1)
    assert outcome.error_message
    assert str(artifacts) in outcome.error_message
    artifacts.unlink()
    file_office.sync(file_url)
    results = file_office.results()
    assert results["run"] == [("failed", 0, 4, 4, 0), *undisturbed["run"]]
    assert results["version"] == undisturbed["version"]
