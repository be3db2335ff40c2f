"""Opens a cursor of a selection: on a separate connection that only reads, or in a process."""

from __future__ import annotations

from typing import Any

from sqlalchemy import exc

from sqltune.database.connection import Database
from sqltune.database.reading_cursor import ReadingCursor
from sqltune.database.server_reading import open_server
from sqltune.database.sqlite_reading import open_sqlite
from sqltune.database.urls import EngineKind


def open_reading_cursor(database: Database, *, timeout_seconds: float) -> ReadingCursor:
    """Open a cursor that only reads."""
    if database.kind is EngineKind.SQLITE:
        return open_sqlite(database)
    return open_server(database, timeout_seconds)


def raise_driver_error(database: Database, error: Exception) -> None:
    """Raise a driver's error as SQLAlchemy would have wrapped it; ignore other errors."""
    dialect = database.engine.dialect
    errors: Any = getattr(dialect.loaded_dbapi, "Error", ())
    if not isinstance(error, errors):
        return
    wrapped = exc.DBAPIError.instance(
        None,
        None,
        error,
        errors,
        connection_invalidated=bool(dialect.is_disconnect(error, None, None)),
        dialect=dialect,
    )
    raise wrapped from error
