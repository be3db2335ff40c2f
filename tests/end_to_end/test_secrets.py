"""A password of an address is shown to nobody: no output, no log, no row, no file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.command import People, Sqltune
from tests.end_to_end.conftest import declare_office
from tests.sql_server import SqlServer

SECRET = "s3cr3t/w@rd"
LOUD = {"SQLTUNE_LOG_LEVEL": "debug", "SQLTUNE_LOG_FORMAT": "json"}


@pytest.fixture
def database_engine() -> str:
    """One engine with passwords is enough here."""
    return "mariadb-pymysql"


@pytest.fixture
def secret_url(database_url: str, mariadb_server: SqlServer) -> Iterator[str]:
    """The address of a migrated database for a user whose password nothing may show."""
    name = database_url.rpartition("/")[2]
    mariadb_server.execute(
        f"CREATE USER secretive@127.0.0.1 IDENTIFIED BY '{SECRET}'",
        f"GRANT ALL ON {name}.* TO secretive@127.0.0.1",
    )
    yield f"mysql+pymysql://secretive:s3cr3t%2Fw%40rd@127.0.0.1:{mariadb_server.port}/{name}"
    mariadb_server.execute("DROP USER secretive@127.0.0.1")


def shows_secret(text: str) -> bool:
    return "s3cr3t" in text


def test_no_output_row_or_file_of_a_run_shows_the_password(
    secret_url: str, people_on: People, tmp_path: Path
) -> None:
    declare_office(people_on)
    people_on.declare("broken", training_query="SELECT nothing FROM nowhere")
    sqltune = Sqltune(tmp_path, secret_url)
    selection = {"SQLTUNE_SELECTION_URL": secret_url}
    for command, code in {"check": 2, "sync": 1, "status": 0, "plan": 2, "init": 0}.items():
        done = sqltune(command, **LOUD, **selection)
        assert (done.code, shows_secret(done.said)) == (code, False), command
    office = people_on.value("SELECT run_id FROM runs WHERE adapter_name = 'office'")
    for reading in (("show", str(office), "--json"), ("compare", "office"), ("export", "office")):
        assert not shows_secret(sqltune.well(*reading, **LOUD).said), reading
    assert people_on.count("runs") == 2
    assert not shows_secret(repr(people_on.dump()))
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in written if b"s3cr3t" in path.read_bytes()] == []


@pytest.mark.parametrize(
    "address",
    [
        "mysql+pymysql://secretive:s3cr3twrong@127.0.0.1:{port}/x",
        "singlestoredb://secretive:s3cr3twrong@127.0.0.1:{port}/x",
        "mysql+pymysql://secretive:s3cr3twrong@127.0.0.1:1/x",
        "singlestoredb://secretive:s3cr3twrong@127.0.0.1:1/x",
        "mysql+pymysql://secretive:s3cr3twrong@no-such-host.invalid/x",
        "mysql+pymysql://secretive:s3cr3twrong@127.0.0.1:port/x",
        "nodb://secretive:s3cr3twrong@127.0.0.1/x",
        "mysql+pymysql:/secretive:s3cr3twrong@127.0.0.1",
    ],
)
def test_an_error_about_an_address_does_not_show_its_password(
    mariadb_server: SqlServer, tmp_path: Path, address: str
) -> None:
    sqltune = Sqltune(tmp_path, address.replace("{port}", str(mariadb_server.port)))
    done = sqltune("sync", **LOUD)
    assert done.code in (1, 2)
    assert "sqltune: " in done.err
    assert not shows_secret(done.said)
    assert "Traceback" not in done.err


def test_a_password_in_the_settings_file_is_refused_without_being_shown(
    sqltune: Sqltune, tmp_path: Path
) -> None:
    (tmp_path / "sqltune.toml").write_text(
        'database_url = "mysql+pymysql://a:s3cr3t@127.0.0.1/x"\n', encoding="utf-8"
    )
    del sqltune.environment["SQLTUNE_DATABASE_URL"]
    done = sqltune("sync")
    assert done.code == 2
    assert "holds a password in database_url" in done.err
    assert not shows_secret(done.said)
