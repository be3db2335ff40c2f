"""What the tests of `sqltune init` share: running it, reading its work, and crashing it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import event, inspect

from sqltune.database import migrations
from sqltune.database.connection import Database

NOW = datetime(2026, 11, 23, 6, 0)
#: When the lease of an init that died has expired.
LATER = NOW + timedelta(minutes=6)


class Crash(Exception):
    """The process has died: nothing more of it reaches the database."""


def apply(database: Database, *, at: datetime = NOW) -> list[str]:
    return migrations.apply(database, now=lambda: at)


def names(database: Database) -> set[str]:
    """The names of all tables and views."""
    with database.engine.connect() as connection:
        inspector = inspect(connection)
        return set(inspector.get_table_names()) | set(inspector.get_view_names())


def index_names(database: Database, table: str) -> set[str]:
    with database.engine.connect() as connection:
        return {str(index["name"]) for index in inspect(connection).get_indexes(table)}


def run(database: Database, *statements: str) -> None:
    for statement in statements:
        with database.transaction() as session:
            session.connection.exec_driver_sql(statement)


def crash_before(database: Database, number: int) -> None:
    """Let a database die for ever before its n-th CREATE or ALTER."""
    seen = [0]

    @event.listens_for(database.engine, "before_cursor_execute")
    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen[0] += statement.startswith(("CREATE", "ALTER"))
        if seen[0] >= number:
            raise Crash
