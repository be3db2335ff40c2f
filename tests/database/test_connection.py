"""Connections, transactions and sessions: what they promise to every other part, on each engine."""

from __future__ import annotations

import socket
from datetime import datetime
from pathlib import Path

import pytest

from sqltune.database.connection import Database
from sqltune.database.tables.states import claim_adapter, release_adapter
from sqltune.errors import (
    ConfigError,
    DatabaseError,
    DatabaseUnavailable,
    LeaseLost,
    SchemaOutOfDate,
)
from sqltune.records import Claim
from tests.database.connections import SAMPLE, Open, count_samples
from tests.engines import driver_of, on_servers
from tests.sql_server import SqlServer

NOW = datetime(2026, 11, 23, 6, 0)


class Interrupted(Exception):
    """Something went wrong in the middle of a transaction."""


def write_and_fail(database: Database) -> None:
    with database.transaction() as session:
        session.insert("insert_sample", **SAMPLE)
        session.execute_many("insert_sample", [SAMPLE, SAMPLE])
        raise Interrupted


def test_what_a_transaction_wrote_is_there_after_its_end(database: Database) -> None:
    with database.transaction() as session:
        session.insert("insert_sample", **SAMPLE)
    assert count_samples(database) == 1


def test_an_error_rolls_back_really_all(database: Database) -> None:
    with pytest.raises(Interrupted):
        write_and_fail(database)
    assert count_samples(database) == 0


@pytest.mark.parametrize("database_engine", ["mariadb-singlestoredb"], indirect=True)
def test_autocommit_in_the_address_is_not_obeyed(database_url: str, open_url: Open) -> None:
    database = open_url(f"{database_url}?autocommit=true")
    with pytest.raises(Interrupted):
        write_and_fail(database)
    assert count_samples(database) == 0


def test_an_insert_gives_the_id_that_the_database_made(database: Database) -> None:
    with database.transaction() as session:
        first = session.insert("insert_sample", **SAMPLE)
        second = session.insert("insert_sample", **SAMPLE)
    assert first > 0
    assert second not in (0, first)


def test_the_row_count_is_of_rows_matched_also_when_nothing_changes(database: Database) -> None:
    with database.transaction() as session:
        session.execute("add_adapter_state", adapter_name="a")
        changes = {"adapter_name": "a", "run_id": None}
        assert session.execute("set_current_run", **changes) == 1
        assert session.execute("set_current_run", adapter_name="b", run_id=None) == 0


def test_a_lock_that_is_not_released_is_reported_as_unavailable(
    database: Database, database_url: str, open_url: Open
) -> None:
    impatient = open_url(database_url, lock_wait_seconds=1)
    with database.transaction() as session:
        session.execute("add_adapter_state", adapter_name="a")
        with (
            pytest.raises(DatabaseUnavailable, match=r"(?i)lock"),
            impatient.transaction() as other,
        ):
            other.execute("add_adapter_state", adapter_name="a")


def test_a_reader_does_not_wait_for_a_writer_nor_a_writer_for_a_reader(
    database: Database, database_url: str, open_url: Open
) -> None:
    impatient = open_url(database_url, lock_wait_seconds=1)
    with database.transaction() as session:
        session.insert("insert_sample", **SAMPLE)
        assert count_samples(impatient) == 0
    with database.read() as session:
        assert session.fetch_one("get_adapter_state", adapter_name="a") is None
        with impatient.transaction() as other:
            other.insert("insert_sample", **SAMPLE)
    assert count_samples(database) == 2


def test_with_a_lost_claim_nothing_is_written(database: Database) -> None:
    claim = claim_adapter(database, "a", owner="first", lease_seconds=60, now=NOW)
    assert claim is not None
    with database.transaction(claim) as session:
        session.insert("insert_sample", **SAMPLE)
    release_adapter(database, claim)
    claim_adapter(database, "a", owner="second", lease_seconds=60, now=NOW)
    with pytest.raises(LeaseLost, match="'a'"), database.transaction(claim) as session:
        session.insert("insert_sample", **SAMPLE)
    assert count_samples(database) == 1


def test_a_claim_that_was_never_made_writes_nothing(database: Database) -> None:
    with (
        pytest.raises(LeaseLost),
        database.transaction(Claim("unknown", "me", 1)) as session,
    ):
        session.insert("insert_sample", **SAMPLE)
    assert count_samples(database) == 0


def test_without_tables_the_message_says_init(empty_database_url: str, open_url: Open) -> None:
    with (
        pytest.raises(SchemaOutOfDate, match="sqltune init"),
        open_url(empty_database_url).read() as session,
    ):
        session.fetch_all("list_adapters")


@on_servers
def test_a_missing_database_is_named_with_what_to_do(
    database_engine: str, sql_server: SqlServer
) -> None:
    database = Database.open(sql_server.url(driver_of(database_engine), "nowhere"))
    with pytest.raises(DatabaseError, match=r"'nowhere'.*CREATE DATABASE"), database.read():
        pass


@on_servers
def test_a_wrong_password_is_reported_and_no_password_shown(
    database_engine: str, sql_server: SqlServer
) -> None:
    driver = driver_of(database_engine)
    url = sql_server.url(driver, "test", user="intruder", password="top-secret")
    database = Database.open(url)
    with pytest.raises(DatabaseError, match="password") as caught, database.read():
        pass
    assert not caught.value.retryable
    assert "top-secret" not in str(caught.value) + repr(database)


@on_servers
def test_a_password_in_letters_beyond_ascii_logs_in(
    database_engine: str, sql_server: SqlServer
) -> None:
    password = "pä€ss🦊"
    sql_server.execute(f"CREATE USER 'letters'@'127.0.0.1' IDENTIFIED BY '{password}'")
    url = sql_server.url(driver_of(database_engine), "", user="letters", password=password)
    database = Database.open(url)
    try:
        with database.read() as session:
            user = session.connection.exec_driver_sql("SELECT CURRENT_USER()").scalar_one()
            assert user == "letters@127.0.0.1"
    finally:
        database.close()
        sql_server.execute("DROP USER 'letters'@'127.0.0.1'")


def test_a_server_that_does_not_answer_is_reported_as_unavailable() -> None:
    for driver in ("mysql+pymysql", "singlestoredb"):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))  # nothing listens on a port that is only bound
            port = probe.getsockname()[1]
            database = Database.open(f"{driver}://a:secret@127.0.0.1:{port}/d")
            with pytest.raises(DatabaseUnavailable) as caught, database.read():
                pass
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize("database_engine", ["sqlite"], indirect=True)
def test_a_sqlite_file_that_may_only_be_read_is_reported(database_url: str, open_url: Open) -> None:
    path = database_url.removeprefix("sqlite:///")
    database = open_url(f"sqlite:///file:{path}?mode=ro&uri=true")
    assert count_samples(database) == 0
    with (
        pytest.raises(DatabaseError, match="may not be written") as caught,
        database.transaction() as session,
    ):
        session.insert("insert_sample", **SAMPLE)
    assert not caught.value.retryable


@on_servers
def test_a_server_that_may_only_be_read_is_reported(
    database: Database, database_url: str, sql_server: SqlServer, open_url: Open
) -> None:
    name = database_url.rpartition("/")[2]
    sql_server.execute(
        "CREATE USER IF NOT EXISTS 'plain'@'127.0.0.1'",
        f"GRANT SELECT, INSERT ON {name}.* TO 'plain'@'127.0.0.1'",
        "SET GLOBAL read_only = 1",
    )
    try:
        driver = database_url.partition("://")[0]
        plain = open_url(sql_server.url(driver, name, user="plain", password=""))
        cure = "read-only.*set SQLTUNE_DATABASE_URL to the primary"
        with pytest.raises(DatabaseError, match=cure), plain.transaction() as session:
            session.insert("insert_sample", **SAMPLE)
    finally:
        sql_server.execute("SET GLOBAL read_only = 0", "DROP USER 'plain'@'127.0.0.1'")


@on_servers
def test_a_missing_right_is_reported_with_the_file_that_lists_the_rights(
    database: Database, database_url: str, sql_server: SqlServer, open_url: Open
) -> None:
    name = database_url.rpartition("/")[2]
    sql_server.execute(
        "CREATE USER IF NOT EXISTS 'reader'@'127.0.0.1'",
        f"GRANT SELECT ON {name}.* TO 'reader'@'127.0.0.1'",
    )
    try:
        driver = database_url.partition("://")[0]
        reader = open_url(sql_server.url(driver, name, user="reader", password=""))
        with pytest.raises(DatabaseError, match=r"sql/README\.md"), reader.transaction() as session:
            session.insert("insert_sample", **SAMPLE)
    finally:
        sql_server.execute("DROP USER 'reader'@'127.0.0.1'")


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        Database.open(f"sqlite:///{tmp_path}/nowhere/sqltune.db")


def test_a_duplicate_key_is_not_taken_for_an_outage(database: Database) -> None:
    with database.transaction() as session:
        session.execute("add_adapter_state", adapter_name="a")
    with pytest.raises(DatabaseError) as caught, database.transaction() as session:
        session.execute("add_adapter_state", adapter_name="a")
    assert type(caught.value) is DatabaseError
