"""What every command says of an address that names another engine, or that shows a password."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.command import Finished, Sqltune
from tests.passwords import shows_part_of
from tests.sql_server import PASSWORD, SqlServer

COMMANDS = [
    ("check",), ("init",), ("init", "--print"), ("sync",), ("worker",), ("plan",), ("status",),
    ("show", "1"), ("compare", "a"), ("cancel", "1"), ("pause", "1"), ("resume", "1"),
    ("retry", "1", "--failed"), ("export", "a"), ("import", "rows.csv", "--dataset", "d"), ("gc",),
    ("demo",), ("serve",),
]  # fmt: skip
LOUD = {"SQLTUNE_LOG_LEVEL": "debug", "SQLTUNE_LOG_FORMAT": "json"}
#: Nothing listens on this port.
NOWHERE = "127.0.0.1:1/sqltune"
#: Some of those that test_urls tries one and all.
AMBIGUOUS = ["Zq7@Xv9/Jw4", "Zq7?Xv9@Jw4", "Zq7#Xv9@Jw4"]
CLEAR = ["Zq7/Xv9", "Zq7#Xv9%Jw4", "Zq7?Xv9 Jw4"]


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """A file that `import` would read."""
    path = tmp_path / "rows.csv"
    path.write_text("dataset,prompt,response\nd,p,r\n", "utf-8")
    return path


def one_line(done: Finished) -> str:
    """What a command wrote, whatever the width of its tables."""
    return " ".join(done.said.split())


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_names_the_server_that_it_found_and_the_url_to_use(
    mariadb_server: SqlServer, tmp_path: Path, rows: Path, command: tuple[str, ...]
) -> None:
    sqltune = Sqltune(tmp_path, mariadb_server.url("singlestoredb", "mysql"))
    done = sqltune(*command, COLUMNS="500")
    assert done.code == 2
    assert "the server at 127.0.0.1 is MariaDB" in one_line(done)
    assert f"use mysql+pymysql://tester:***@127.0.0.1:{mariadb_server.port}/mysql" in one_line(done)
    assert PASSWORD not in done.said
    assert "Traceback" not in done.said


@pytest.mark.parametrize("command", ["check", "init", "sync"])
def test_mysqls_scheme_on_singlestore_is_named_too(
    singlestore_player: SqlServer, tmp_path: Path, command: str
) -> None:
    sqltune = Sqltune(tmp_path, singlestore_player.url("mysql+pymysql", "mysql"))
    done = sqltune(command, COLUMNS="500")
    assert done.code == 2
    assert "the server at 127.0.0.1 is SingleStore" in one_line(done)
    assert f"use singlestoredb://tester:***@127.0.0.1:{singlestore_player.port}" in one_line(done)


@pytest.mark.parametrize("command", ["check", "sync"])
def test_the_address_of_the_selection_is_called_by_its_variable(
    sqltune: Sqltune, office: str, mariadb_server: SqlServer, command: str
) -> None:
    wrong = mariadb_server.url("singlestoredb", "mysql")
    done = sqltune(command, SQLTUNE_SELECTION_URL=wrong, COLUMNS="500")
    assert "SQLTUNE_SELECTION_URL begins with singlestoredb://" in one_line(done)
    assert PASSWORD not in done.said


@pytest.mark.parametrize("command", ["check", "init", "sync"])
def test_no_command_shows_a_part_of_a_password_that_is_not_escaped(
    tmp_path: Path, command: str
) -> None:
    for password in AMBIGUOUS:
        url = f"mysql+pymysql://user:{password}@{NOWHERE}"
        done = Sqltune(tmp_path, url)(command, **LOUD)
        assert done.code == 2, password
        assert "Percent-encode reserved characters" in one_line(done), password
        assert not shows_part_of(password, done.said), password


@pytest.mark.parametrize("driver", ["mysql+pymysql", "singlestoredb"])
def test_no_command_shows_a_part_of_a_password_when_its_server_is_unavailable(
    tmp_path: Path, driver: str
) -> None:
    for command, password in zip(("check", "init", "sync"), CLEAR, strict=True):
        done = Sqltune(tmp_path, f"{driver}://user:{password}@{NOWHERE}")(command, **LOUD)
        assert done.code in (1, 2), password
        assert "not available" in one_line(done), password
        assert not shows_part_of(password, done.said), password


@pytest.mark.parametrize("command", ["check", "sync"])
def test_no_command_shows_a_part_of_the_password_of_the_selection(
    sqltune: Sqltune, office: str, command: str
) -> None:
    for password in AMBIGUOUS:
        url = f"mysql+pymysql://user:{password}@{NOWHERE}"
        done = sqltune(command, SQLTUNE_SELECTION_URL=url, **LOUD)
        assert done.code == 2, password
        assert "SQLTUNE_SELECTION_URL is ambiguous" in one_line(done), password
        assert not shows_part_of(password, done.said), password
