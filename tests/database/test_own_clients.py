"""What people type with the engines' own clients: an INSERT names only what matters."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from sqltune.database.connection import Database
from sqltune.database.times import parse_time
from tests.clients import Client, run_sql_client
from tests.engines import PYMYSQL
from tests.sql_server import SqlServer

ROWS = """
INSERT INTO training_samples (dataset, prompt, response)
VALUES ('d', 'Who is 🦊?', 'A fox; "really".');
INSERT INTO eval_prompts (dataset, prompt, expected) VALUES ('d', 'Who is 🦊?', 'A fox.');
INSERT INTO adapters (adapter_name, base_model) VALUES ('d', 'owner/model');
INSERT INTO runs (adapter_name) VALUES ('d');
INSERT INTO alias_changes (adapter_name, version_number) VALUES ('d', 1);
"""
TIMES = {
    "training_samples": "created_at",
    "eval_prompts": "created_at",
    "adapters": "created_at",
    "runs": "queued_at",
    "alias_changes": "requested_at",
}


def read(database: Database, query: str) -> list[tuple[object, ...]]:
    with database.read() as session:
        return [tuple(row) for row in session.connection.exec_driver_sql(query)]


def assert_times_are_utc(database: Database) -> None:
    """A client's time zone would show as hours; the client's run takes no ten minutes."""
    for table, column in TIMES.items():
        ((value,),) = read(database, f"SELECT {column} FROM {table}")
        moment = parse_time(value)
        assert moment is not None
        away = abs(moment.replace(tzinfo=UTC) - datetime.now(UTC))
        assert away < timedelta(minutes=10), f"{table}.{column} is {value}"


def test_an_insert_names_only_what_matters(
    database: Database, database_url: str, own_client: Client
) -> None:
    own_client(database_url, ROWS)
    assert read(database, "SELECT prompt, response, weight, split FROM training_samples") == [
        ("Who is 🦊?", 'A fox; "really".', 1.0, None)
    ]
    assert read(database, "SELECT prompt, expected, scorer FROM eval_prompts") == [
        ("Who is 🦊?", "A fox.", None)
    ]
    assert read(database, "SELECT is_enabled, backend, epochs, scorer, min_gain FROM adapters") == [
        (1, "local", 3, None, 0.0)
    ]
    assert read(database, "SELECT state, desired_state, attempt_count FROM runs") == [
        ("queued", "running", 0)
    ]
    assert read(database, "SELECT alias, state FROM alias_changes") == [("live", "requested")]
    assert_times_are_utc(database)


def test_what_the_runner_wrote_reads_well_in_the_own_client(
    database: Database, database_url: str, own_client: Client
) -> None:
    with database.transaction() as session:
        session.execute("add_adapter_state", adapter_name="Dvořák 🦊")
    assert "Dvořák 🦊" in own_client(database_url, "SELECT adapter_name FROM adapter_states;\n")


@pytest.mark.parametrize("database_engine", PYMYSQL, indirect=True)
@pytest.mark.parametrize("time_zone", ["+05:00", "-11:00"])
def test_a_client_in_another_time_zone_writes_utc(
    database: Database, database_url: str, sql_server: SqlServer, time_zone: str
) -> None:
    run_sql_client(sql_server, database_url, ROWS, time_zone=time_zone)
    assert_times_are_utc(database)


@pytest.mark.parametrize("database_engine", ["sqlite"], indirect=True)
def test_a_machine_in_another_time_zone_writes_utc(
    database: Database,
    database_url: str,
    own_client: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TZ", "Asia/Karachi")
    own_client(database_url, ROWS)
    assert_times_are_utc(database)


@pytest.mark.parametrize("database_engine", PYMYSQL, indirect=True)
def test_a_server_in_another_time_zone_makes_the_runner_no_difference(
    database_url: str, sql_server: SqlServer, open_url: Callable[..., Database]
) -> None:
    sql_server.execute("SET GLOBAL time_zone = '+05:00'")
    try:
        database = open_url(database_url)
        run_sql_client(sql_server, database_url, ROWS)
        assert_times_are_utc(database)
        assert read(database, "SELECT @@session.time_zone") == [("+00:00",)]
    finally:
        sql_server.execute("SET GLOBAL time_zone = 'SYSTEM'")


def test_ids_are_made_by_the_database_and_never_used_twice(
    database: Database, database_url: str, own_client: Client
) -> None:
    insert = "INSERT INTO training_samples (dataset, prompt, response) VALUES ('d', 'p', 'r');\n"
    own_client(database_url, insert + insert)
    first = {row[0] for row in read(database, "SELECT sample_id FROM training_samples")}
    own_client(database_url, "DELETE FROM training_samples;\n" + insert)
    second = {row[0] for row in read(database, "SELECT sample_id FROM training_samples")}
    assert len(first) == 2
    assert first.isdisjoint(second)
