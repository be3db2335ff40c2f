"""The tables are the same on every engine: names, order, types, NULL, keys, defaults."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Inspector, inspect

from sqltune.database import migrations
from sqltune.database.connection import Database, EngineKind
from tests.databases import MIGRATED_AT
from tests.engines import SERVERS, driver_of
from tests.singlestore_on_mariadb import open_database
from tests.sql_server import SqlServer


@pytest.fixture
def sqlite(sqlite_template: Path) -> Iterator[Database]:
    """The migrated SQLite database that every engine is compared with."""
    database = open_database(f"sqlite:///{sqlite_template}")
    yield database
    database.close()


def tables(database: Database) -> list[str]:
    return sorted(inspect(database.engine).get_table_names())


def family(declared: str) -> str:
    """What a type is on every engine: only the width of whole numbers may differ."""
    name = re.sub(r"\s*(COLLATE|CHARACTER SET)\b.*", "", declared.upper())
    whole = re.fullmatch(r"(BIGINT|INTEGER|INT)(\(\d+\))?", name)
    return "whole number" if whole else re.sub(r"^TINYINT\(\d+\)$", "TINYINT", name)


def columns(database: Database, table: str) -> list[tuple[Any, ...]]:
    """Name, type and whether it may be NULL, in order."""
    if database.kind is EngineKind.SQLITE:
        query = f"SELECT name, type, \"notnull\" = 0 AND pk = 0 FROM pragma_table_info('{table}')"
    else:
        query = (
            "SELECT column_name, column_type, is_nullable = 'YES' FROM information_schema.columns "
            f"WHERE table_schema = DATABASE() AND table_name = '{table}' ORDER BY ordinal_position"
        )
    with database.read() as session:
        rows = session.connection.exec_driver_sql(query).fetchall()
    return [(name, family(declared), bool(nullable)) for name, declared, nullable in rows]


def indexes(inspector: Inspector, table: str) -> set[tuple[str, tuple[str | None, ...]]]:
    return {
        (str(index["name"]), tuple(index["column_names"])) for index in inspector.get_indexes(table)
    }


def test_the_tables_are_the_same(database: Database, sqlite: Database) -> None:
    assert tables(database) == tables(sqlite)
    assert len(tables(sqlite)) == 42


def test_the_columns_are_the_same_in_the_same_order(database: Database, sqlite: Database) -> None:
    for table in tables(sqlite):
        assert columns(database, table) == columns(sqlite, table), table


def test_the_primary_keys_are_the_same(database: Database, sqlite: Database) -> None:
    ours, theirs = inspect(database.engine), inspect(sqlite.engine)
    for table in tables(sqlite):
        expected = theirs.get_pk_constraint(table)["constrained_columns"]
        assert ours.get_pk_constraint(table)["constrained_columns"] == expected, table


def test_the_indexes_are_the_same(database: Database, sqlite: Database) -> None:
    ours, theirs = inspect(database.engine), inspect(sqlite.engine)
    for table in tables(sqlite):
        assert indexes(ours, table) == indexes(theirs, table), table


#: What servers write where there is no default, or one that SQLite cannot have: who inserts a row.
_OF_A_SERVER = ("NULL", "CURRENT_USER()", "(CURRENT_USER())")


def defaults(database: Database, table: str) -> dict[str, str]:
    """The defaults as one text each; a clock is a clock, whatever its name."""
    found = {}
    for column in inspect(database.engine).get_columns(table):
        text = column["default"]
        if text is not None and text.upper() not in _OF_A_SERVER:
            is_clock = re.search(r"timestamp|strftime", text, re.IGNORECASE)
            found[column["name"]] = "now" if is_clock else text.strip("'")
    return found


def test_the_defaults_are_the_same(database: Database, sqlite: Database) -> None:
    for table in tables(sqlite):
        assert defaults(database, table) == defaults(sqlite, table), table


# SQLite compares byte by byte unless a collation is named.
@pytest.mark.parametrize("database_engine", SERVERS)
def test_texts_and_keys_compare_byte_by_byte(database: Database) -> None:
    with database.read() as session:
        found = session.connection.exec_driver_sql(
            "SELECT DISTINCT collation_name FROM information_schema.columns JOIN "
            "information_schema.tables USING (table_schema, table_name) WHERE "
            "table_schema = DATABASE() AND table_type = 'BASE TABLE' AND collation_name IS NOT NULL"
        )
        collations = {row[0] for row in found}
    assert "utf8mb4_bin" in collations
    assert collations <= {"utf8mb4_bin", "ascii_bin"}


@pytest.mark.parametrize("database_engine", SERVERS, indirect=True)
def test_the_character_set_of_the_database_does_not_matter(
    database_engine: str, sql_server: SqlServer
) -> None:
    sql_server.execute("CREATE DATABASE latin CHARACTER SET latin1")
    database = open_database(sql_server.url(driver_of(database_engine), "latin"))
    try:
        migrations.apply(database, now=lambda: MIGRATED_AT)
        assert keep(database, "🦊 fox ß") == "🦊 fox ß"
    finally:
        database.close()
        sql_server.execute("DROP DATABASE latin")


def keep(database: Database, text: str) -> str:
    """Write a text and read it back."""
    with database.transaction() as session:
        session.execute("add_adapter_state", adapter_name=text)
    with database.read() as session:
        row = session.fetch_one("get_adapter_state", adapter_name=text)
    assert row is not None
    return str(row.adapter_name)


@pytest.mark.parametrize(
    "text", ["🦊", "𝔘𝔫𝔦", "tab\tnew\nline\\", "'; DROP TABLE runs; --", "%s %(a)s :b"]
)
def test_every_text_comes_back_as_it_was(database: Database, text: str) -> None:
    assert keep(database, text) == text


def test_keys_that_differ_in_case_accent_or_trailing_space_are_two(database: Database) -> None:
    if database.kind is EngineKind.SQLITE:
        keys = ["d", "D", "e", "é", "x", "x "]
    else:
        keys = ["d", "D", "e", "é"]  # MySQL's own rule pads with blanks: 'x' = 'x '
    for key in keys:
        keep(database, key)
    with database.read() as session:
        found = session.connection.exec_driver_sql("SELECT adapter_name FROM adapter_states")
        assert sorted(row[0] for row in found) == sorted(keys)
