"""A database, a connection or a setting that does not work ends with one clear line, too."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.command import People, Sqltune
from tests.end_to_end.conftest import declare_office
from tests.engines import PYMYSQL, SERVERS
from tests.sql_server import SqlServer

NOTHING_SENT = "SELECT COUNT(*) FROM responses"


@pytest.mark.parametrize(
    "command", [("sync",), ("plan",), ("status",), ("show", "1"), ("export", "x")]
)
def test_a_database_that_is_not_migrated_names_init(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    sqltune = Sqltune(tmp_path, f"sqlite:///{tmp_path}/fresh.db")
    done = sqltune(*command)
    assert done.code == 2
    assert "run `sqltune init`" in done.err
    assert not (tmp_path / "fresh.db").exists(), "looking makes no database"


def test_an_unmigrated_server_database_names_init(
    database_engine: str, empty_database_url: str, tmp_path: Path
) -> None:
    done = Sqltune(tmp_path, empty_database_url)("sync")
    assert (done.code, "run `sqltune init`" in done.err) == (2, True)


def test_init_makes_the_tables_and_says_so_once(tmp_path: Path) -> None:
    sqltune = Sqltune(tmp_path, f"sqlite:///{tmp_path}/fresh.db")
    printed = sqltune.well("init", "--print").out
    assert "CREATE TABLE adapters" in printed
    assert "applied 0001_create_tables.sql" in sqltune.well("init").err
    again = sqltune.well("init").err
    assert "applied" not in again
    assert "is up to date" in again
    sqltune.well("sync")


def test_a_table_of_somebody_else_stops_init_before_its_first_statement(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE runs (id INTEGER)")
    connection.close()
    done = Sqltune(tmp_path, f"sqlite:///{path}")("init")
    assert done.code != 0
    assert "runs exists already and does not belong to sqltune" in done.err
    assert "CREATE DATABASE sqltune" in done.err
    people = People(f"sqlite:///{path}")
    assert people.rows("SELECT name FROM sqlite_master WHERE type = 'table'") == [("runs",)]
    people.close()


def test_a_file_that_may_only_be_read_says_so(
    sqltune: Sqltune, people: People, office: str, tmp_path: Path
) -> None:
    address = f"sqlite:///file:{tmp_path}/sqltune.db?mode=ro&uri=true"
    done = sqltune("sync", SQLTUNE_DATABASE_URL=address)
    assert done.code == 1
    assert "the database may not be written" in done.err
    assert "Traceback" not in done.err
    assert sqltune.well("plan", "--json", SQLTUNE_DATABASE_URL=address).data[0]["samples"] == 1


@pytest.fixture
def reader_url(database_url: str, sql_server: SqlServer) -> Iterator[str]:
    """The address of a migrated database for a user who may only read it."""
    name = database_url.rpartition("/")[2]
    sql_server.execute(
        "CREATE USER reader@127.0.0.1 IDENTIFIED BY 'only-reads'",
        f"GRANT SELECT, SHOW VIEW ON {name}.* TO reader@127.0.0.1",
    )
    yield f"mysql+pymysql://reader:only-reads@127.0.0.1:{sql_server.port}/{name}"
    sql_server.execute("DROP USER reader@127.0.0.1")


@pytest.mark.parametrize("database_engine", PYMYSQL)
def test_a_user_who_may_only_read_is_referred_to_the_grants(
    reader_url: str, sql_server: SqlServer, tmp_path: Path
) -> None:
    database = reader_url.rpartition("/")[2]
    sql_server.execute(
        "INSERT INTO adapters (adapter_name, base_model, backend) VALUES ('a', 'b', 'scripted')",
        database=database,
    )
    sqltune = Sqltune(tmp_path, reader_url)
    done = sqltune("sync")
    assert done.code == 1
    assert "refuses this user" in done.err
    assert "GRANT" in done.err
    assert "only-reads" not in done.said
    assert sqltune.well("status", "--json").data[0]["adapter_name"] == "a"
    planned = sqltune("plan", "--json")
    assert (planned.code, planned.data[0]["adapter_name"]) == (2, "a")
    assert "training_samples has no rows" in planned.data[0]["fault"]


@pytest.mark.slow
@pytest.mark.parametrize("database_engine", SERVERS)
def test_a_connection_that_is_lost_in_the_middle_loses_no_work(
    sqltune_on: Sqltune, people_on: People, sql_server: SqlServer
) -> None:
    declare_office(people_on)
    gate = sqltune_on.folder / "go-on"
    hang = {"at": "step", "number": 2, "kind": "hang", "until": str(gate)}
    sqltune_on.play(faults=[hang], steps_per_epoch=4)
    people_on.do("UPDATE adapters SET epochs = 4")
    running = sqltune_on.start("sync")
    people_on.await_row("SELECT 1 FROM backend_calls")
    people_on.close()
    kill_connections(sql_server, sqltune_on.url)
    gate.touch()
    done = running.finish()
    assert done.code == 0, done.said
    people = People(sqltune_on.url)
    assert people.rows("SELECT state FROM runs") == [("succeeded",)]
    assert people.rows("SELECT version_number FROM adapter_versions") == [(1,)]
    steps = people.rows("SELECT step FROM training_metrics ORDER BY step")
    people.close()
    assert steps == [(1,), (2,), (3,), (4,)]


def kill_connections(server: SqlServer, url: str) -> None:
    """Cut every connection to a database, as a restart of the server does."""
    name = url.rpartition("/")[2].partition("?")[0]
    ids = server.execute(f"SELECT id FROM information_schema.processlist WHERE db = '{name}'")
    assert ids
    for (number,) in ids:
        server.execute(f"KILL CONNECTION {number}")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "cannot be read; it looks like sqlite:///"),
        ("sqltune.db", "cannot be read; it looks like sqlite:///"),
        ("postgresql://a:hidden@b/c", "names engine 'postgresql'"),
        ("mysql+aiomysql://a:hidden@b/c", "use mysql+pymysql://"),
        ("mysql+pymysql://a:hidden@127.0.0.1:1/c", "not available"),
        ("mysql+pymysql://a:hidden@no-such-host.invalid/c", "not available"),
        ("sqlite:////no/such/folder/x.db", "/no/such/folder"),
        ("mysql+pymysql://a:hidden@b/c?wrong=1", "option 'wrong'"),
    ],
)
def test_an_address_that_cannot_be_used_is_answered_with_an_example(
    tmp_path: Path, url: str, message: str
) -> None:
    done = Sqltune(tmp_path, url)("status")
    assert done.code in (1, 2)
    assert message in done.err
    assert "hidden" not in done.said
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("SQLTUNE_LEASE_SECONDS", "0", "SQLTUNE_LEASE_SECONDS: "),
        ("SQLTUNE_MAX_ATTEMPTS", "many", "got 'many'"),
        ("SQLTUNE_LOG_LEVEL", "loud", "SQLTUNE_LOG_LEVEL"),
        ("SQLTUNE_BACKENDS", "local", "backend 'scripted' is not allowed here"),
        ("SQLTUNE_SCRIPT", "/no/such/script.json", "cannot read the script /no/such/script.json"),
    ],
)
def test_a_wrong_setting_is_named_with_its_value(
    sqltune: Sqltune, people: People, office: str, name: str, value: str, message: str
) -> None:
    done = sqltune("sync", **{name: value})
    assert done.code in (1, 2)
    assert message in done.err
    assert "Traceback" not in done.err


def test_weights_that_cannot_be_written_end_in_one_line(
    sqltune: Sqltune, people: People, office: str, tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("a file, no folder")
    done = sqltune("sync", SQLTUNE_ARTIFACTS="taken")
    assert done.code == 1
    assert "Traceback" not in done.err
    run = people.rows("SELECT error_code, is_retryable FROM runs")
    assert run == [("os_error", 1)]
    assert "taken" in people.value("SELECT error_message FROM runs")
    assert people.value("SELECT lease_owner FROM adapter_states") is None
    (tmp_path / "taken").unlink()
    assert "may succeed now (os_error)" in sqltune.well("sync", SQLTUNE_ARTIFACTS="taken").err
