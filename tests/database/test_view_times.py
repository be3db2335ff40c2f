"""Times and dates of the report views: named alike, and typed alike as far as each engine can."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from sqltune.database.connection import Database, EngineKind
from sqltune.database.tables.reports import ViewColumns, view_columns
from tests.database.report_rows import insert_history
from tests.engines import on_servers, on_sqlite

COLUMNS = view_columns()
VIEWS = pytest.mark.parametrize("view", COLUMNS)
TIME = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}\.\d{6}")
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def read(database: Database, view: str) -> pd.DataFrame:
    with database.read() as session:
        return pd.read_sql(f"SELECT * FROM {view}", session.connection)


def declared_types(database: Database, view: str) -> dict[str, str]:
    with database.read() as session:
        rows = session.connection.exec_driver_sql(
            "SELECT column_name, column_type FROM information_schema.columns"
            f" WHERE table_schema = DATABASE() AND table_name = '{view}'"
        )
        # MariaDB notes in a comment how it stores a time that comes from a UNION.
        return {name: str(declared).partition(" /*")[0] for name, declared in rows}


@VIEWS
def test_the_columns_of_a_view_are_known_without_a_database(database: Database, view: str) -> None:
    assert list(COLUMNS[view].names) == list(read(database, view).columns)
    assert COLUMNS[view].times != (), "every view has a time"


@VIEWS
@on_servers
def test_a_server_types_what_is_named_a_time_or_a_date_and_nothing_else(
    database: Database, view: str
) -> None:
    types = declared_types(database, view)
    assert {n for n, t in types.items() if t == "datetime(6)"} == set(COLUMNS[view].times)
    assert {n for n, t in types.items() if t == "date"} == set(COLUMNS[view].dates)
    assert not [t for t in types.values() if t.startswith(("datetime", "time")) and "(6)" not in t]


@VIEWS
@on_sqlite
def test_sqlite_gives_iso_texts_that_pandas_reads(database: Database, view: str) -> None:
    insert_history(database)
    assert_iso_texts(read(database, view), COLUMNS[view])


def assert_iso_texts(frame: pd.DataFrame, columns: ViewColumns) -> None:
    for name in columns.times + columns.dates:
        texts = frame[name].dropna()
        assert len(texts) > 0, f"{name} is not filled"
        form = TIME if name in columns.times else DATE
        assert [text for text in texts if not form.fullmatch(text)] == [], name
        assert pd.to_datetime(frame[name]).dtype.kind == "M", name


@VIEWS
def test_every_engine_gives_the_same_moments(database: Database, view: str) -> None:
    insert_history(database)
    frame, columns = read(database, view), COLUMNS[view]
    moments = {moment for name in columns.times for moment in pd.to_datetime(frame[name]).dropna()}
    assert moments
    assert {str(moment.date()) for moment in moments} == {"2026-11-23"}
    for name in columns.dates:
        assert {str(date)[:10] for date in frame[name].dropna()} == {"2026-11-23"}


def test_a_time_of_a_table_is_named_like_one_of_a_view(database: Database) -> None:
    if database.kind is EngineKind.SQLITE:
        query = (
            "SELECT c.name FROM sqlite_master t JOIN pragma_table_info(t.name) c"
            " WHERE t.type = 'table' AND c.type = 'DATETIME(6)'"
        )
    else:
        query = (
            "SELECT c.column_name FROM information_schema.columns c"
            " JOIN information_schema.tables t USING (table_schema, table_name)"
            " WHERE table_schema = DATABASE() AND t.table_type = 'BASE TABLE'"
            " AND c.data_type = 'datetime'"
        )
    with database.read() as session:
        names = {str(row[0]) for row in session.connection.exec_driver_sql(query)}
    assert len(names) > 20
    assert {name for name in names if not name.endswith("_at")} == set()
