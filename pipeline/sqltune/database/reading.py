"""Read-only connections for selections: what a query may do, and how another thread stops it.

Texts arrive as the bytes that the server sent, so that nothing is decoded and encoded again and bad
UTF-8 is a finding, not a crash.
"""

from __future__ import annotations

import re
import socket
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import PoolProxiedConnection, exc

from sqltune.database.connection import Database
from sqltune.database.sockets import limit_silence
from sqltune.database.urls import EngineKind
from sqltune.errors import ConfigError

_NAMED_VALUE = re.compile(r"(?<![:\w]):(\w+)")
_DECIMAL_TYPES = (0, 246)
_SQLITE_ALLOWED = frozenset(
    {
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_FUNCTION,
        sqlite3.SQLITE_RECURSIVE,
    }
)
_SQLITE_REFUSED_FUNCTIONS = frozenset(
    {"load_extension", "fts3_tokenizer", "readfile", "writefile", "edit"}
)


@dataclass(frozen=True, slots=True)
class ReadingCursor:
    """A cursor on a separate connection, and the ways to end it."""

    execute: Callable[[str, Mapping[str, object]], None]
    fetch: Callable[[int], list[tuple[Any, ...]]]
    column_names: Callable[[], list[str]]
    abort: Callable[[], None]  #: stops a running statement; called from another thread
    close: Callable[[], None]  #: also in the middle of a result


def open_reading_cursor(database: Database, *, timeout_seconds: float) -> ReadingCursor:
    """Open a connection that only reads."""
    if database.kind is EngineKind.SQLITE:
        return _open_sqlite(database)
    return _open_server(database, timeout_seconds)


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


def _open_sqlite(database: Database) -> ReadingCursor:
    path = database.engine.url.database
    if not path or path == ":memory:":
        raise ConfigError("a selection needs a database in a file: sqlite:///name.db")
    # sqlite:///file:name.db?mode=ro&uri=true names the same file in SQLite's own notation.
    path = path.removeprefix("file:")
    address = path if path.startswith("file:") else Path(path).absolute().as_uri()
    connection = sqlite3.connect(
        f"{address}?mode=ro",
        uri=True,
        timeout=30,
        isolation_level=None,
        check_same_thread=False,  # for interrupt() alone
    )
    connection.text_factory = bytes
    connection.set_authorizer(_authorize_sqlite)
    cursor = connection.cursor()

    def execute(sql: str, values: Mapping[str, object]) -> None:
        cursor.execute(sql, dict(values))

    return ReadingCursor(
        execute=execute,
        fetch=cursor.fetchmany,
        column_names=lambda: [str(column[0]) for column in cursor.description or ()],
        abort=connection.interrupt,
        close=connection.close,
    )


def _authorize_sqlite(action: int, first: str | None, second: str | None, *_: object) -> int:
    if action not in _SQLITE_ALLOWED:
        return sqlite3.SQLITE_DENY
    is_function = action == sqlite3.SQLITE_FUNCTION
    if is_function and (second or "").lower() in _SQLITE_REFUSED_FUNCTIONS:
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK


def _open_server(database: Database, timeout_seconds: float) -> ReadingCursor:
    pooled = database.engine.raw_connection()
    connection: Any = pooled.driver_connection
    _make_read_only(database, connection, timeout_seconds)
    limit_silence(connection, 0)  # the guard limits the time of a selection
    # DECIMAL is text on the wire, and the drivers' own Decimal() does not take bytes.
    connection.use_unicode = False
    connection.parse_json = False
    connection.decoders.update(dict.fromkeys(_DECIMAL_TYPES, float))
    cursor: Any = _unbuffered_cursor(connection)

    def execute(sql: str, values: Mapping[str, object]) -> None:
        # Without values the drivers leave the query, and every % in it, as it is.
        if values:
            cursor.execute(_NAMED_VALUE.sub(r"%(\1)s", sql), dict(values))
        else:
            cursor.execute(sql)

    return ReadingCursor(
        execute=execute,
        fetch=lambda rows: list(cursor.fetchmany(rows)),
        column_names=lambda: [str(column[0]) for column in cursor.description or ()],
        abort=lambda: _kill_query(database, connection),
        close=lambda: _close_server(pooled, cursor),
    )


def _make_read_only(database: Database, connection: Any, timeout_seconds: float) -> None:
    """Forbid writes and limit the time, as far as the server can."""
    errors: Any = database.engine.dialect.loaded_dbapi
    cursor = connection.cursor()
    try:
        # Quotes and backslashes must mean to the server what they meant to the guard.
        cursor.execute("SET SESSION sql_mode = 'STRICT_ALL_TABLES'")
        for limit in _server_limits(timeout_seconds):
            with suppress(errors.Error):
                cursor.execute(f"SET SESSION {limit}")
        # For the session, not for one transaction: DDL would end that one and run in the next.
        read_only = "SET SESSION TRANSACTION READ ONLY"
        if database.kind is EngineKind.MYSQL:
            cursor.execute(read_only)
        else:
            with suppress(errors.Error):
                cursor.execute(read_only)
        cursor.execute("START TRANSACTION")
    finally:
        cursor.close()


def _server_limits(timeout_seconds: float) -> tuple[str, ...]:
    """Return limits by the names that MariaDB and MySQL have for them.

    The guard counts the time for which we wait for the server. The server counts also the time for
    which it waits for us, which may be long, so its limits are wide: they are for a runner that
    died.
    """
    seconds = 10 * timeout_seconds + 3600
    return (
        f"max_statement_time = {seconds}",
        f"max_execution_time = {int(seconds * 1000)}",
        f"net_write_timeout = {int(seconds)}",
        f"wait_timeout = {int(seconds)}",
    )


def _unbuffered_cursor(connection: Any) -> Any:
    if type(connection).__module__.startswith("pymysql"):
        from pymysql.cursors import SSCursor

        return SSCursor(connection)
    import singlestoredb.mysql.cursors

    cursors: Any = singlestoredb.mysql.cursors

    has_extension = type(connection.cursor()).__name__.endswith("SV")
    return (cursors.SSCursorSV if has_extension else cursors.SSCursor)(connection)


def _kill_query(database: Database, connection: Any) -> None:
    """Stop the statement at the server, then wake the reader, which may wait for the network."""
    with suppress(Exception), database.engine.connect() as other:
        other.exec_driver_sql(f"KILL QUERY {int(connection.thread_id())}")
    sock = getattr(connection, "_sock", None)
    with suppress(OSError):
        if sock is not None:
            sock.shutdown(socket.SHUT_RDWR)


def _close_server(pooled: PoolProxiedConnection, cursor: Any) -> None:
    """Close without reading the rest of the result, which the drivers' own close would do.

    The connection's settings have changed, so it does not return to the pool.
    """
    result = getattr(cursor, "_result", None)
    if result is not None:
        result.unbuffered_active = False
        result.connection = None
    pooled.invalidate()
