"""The databases of the tests themselves: fresh for each test, whatever the one before did."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from sqlalchemy import inspect

from sqltune.database.connection import Database
from sqltune.database.migrations import pending
from tests import mysql_server, programs


def insert_sample(database: Database) -> int:
    with database.transaction() as session:
        result = session.connection.exec_driver_sql(
            "INSERT INTO training_samples (dataset, prompt, response) VALUES ('d', 'p', 'r')"
        )
        return int(result.lastrowid)


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_starts_with_empty_tables_and_the_first_id(database: Database, turn: int) -> None:
    assert insert_sample(database) == 1


@pytest.mark.parametrize("turn", [1, 2])
def test_a_table_that_a_test_made_is_gone_in_the_next(database: Database, turn: int) -> None:
    with database.transaction() as session:
        assert "tickets" not in inspect(session.connection).get_table_names()
        session.connection.exec_driver_sql("CREATE TABLE tickets (id INTEGER)")


def test_an_empty_database_has_no_tables(
    empty_database_url: str, open_url: Callable[..., Database]
) -> None:
    database = open_url(empty_database_url)
    assert pending(database)[0] == "0001_create_tables.sql"
    with database.engine.connect() as connection:
        assert inspect(connection).get_table_names() == []


def test_no_setting_of_the_person_at_the_keyboard_reaches_a_test() -> None:
    assert [name for name in os.environ if name.startswith("SQLTUNE_")] == []


def test_a_user_who_may_not_install_a_server_reads_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(programs, "may_install", lambda: False)
    with pytest.raises(RuntimeError, match=r"sudo apt-get install .* mariadb-server-core"):
        programs.install_packages(["mariadb-server-core"], purpose="a server")
    assert programs.find_program("mariadbd", path="/nowhere") is None


def test_where_no_mysql_can_be_had_the_message_names_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mysql_server, "find_program", lambda _name: None)
    monkeypatch.setattr(mysql_server, "docker_runs", lambda: False)
    monkeypatch.setattr(mysql_server, "can_make_root", lambda: False)
    with pytest.raises(RuntimeError, match=r"`mysqld` of MySQL .* Docker engine .* root on Debian"):
        mysql_server.find_programs.__wrapped__()
