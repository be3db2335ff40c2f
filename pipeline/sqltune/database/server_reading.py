"""Reads a selection from a server, on a connection that only reads.

The query returns what the person's own client gets: the session keeps the server's sql_mode, time
zone and limits.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from functools import partial
from typing import Any

from sqlalchemy import PoolProxiedConnection

from sqltune.database.connection import Database
from sqltune.database.cut_values import refuse_cut_values
from sqltune.database.engines import CLIENT_SESSION
from sqltune.database.reading_cursor import ReadingCursor, fetch_page, read_binary
from sqltune.database.sockets import limit_silence
from sqltune.database.stopping import refuse_unstopped, stop_statement
from sqltune.database.urls import EngineKind

_NAMED_VALUE = re.compile(r"(?<![:\w]):(\w+)")
_DECIMAL_TYPES = (0, 246)
_BIT = 16
#: VARCHAR, VECTOR, the BLOBs, VAR_STRING, STRING and GEOMETRY.
_STRING_TYPES = frozenset({15, 242, 249, 250, 251, 252, 253, 254, 255})
_NO_CHARACTER_SET = 63
#: The most warnings that a server keeps; its own default is 64, behind which one would be hidden.
_MOST_WARNINGS = 65_535

Convert = Callable[[bytes], Any]


def open_server(database: Database, timeout_seconds: float) -> ReadingCursor:
    """Open a connection that only reads."""
    pooled = database.engine.raw_connection()
    connection: Any = pooled.driver_connection
    client: dict[str, Any] = pooled.info[CLIENT_SESSION]
    modes = _make_read_only(database, connection, client, timeout_seconds)
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
            refuse_unstopped(partial(_fetch_all, connection), database, sql)
            _restore(connection, client, "sql_select_limit")
            cursor.execute(sql)

    def fetch(rows: int) -> list[tuple[Any, ...]]:
        page = fetch_page(cursor.fetchmany, rows)
        if not page:
            refuse_cut_values(partial(_fetch_all, connection))
        converters = _binary_columns(cursor)
        return [_convert(row, converters) for row in page] if converters else page

    return ReadingCursor(
        execute=execute,
        fetch=fetch,
        column_names=lambda: [str(column[0]) for column in cursor.description or ()],
        abort=lambda: stop_statement(database, connection),
        close=lambda: _close_server(pooled, cursor),
        sql_modes=modes,
    )


def _make_read_only(
    database: Database, connection: Any, client: Mapping[str, Any], timeout_seconds: float
) -> frozenset[str]:
    """Forbid writes and limit the time, as far as the server can; return the session's sql_mode."""
    errors: Any = database.engine.dialect.loaded_dbapi
    for limit in _server_limits(timeout_seconds):
        with suppress(errors.Error):
            _fetch_all(connection, f"SET SESSION {limit}")
    # For the session, not for one transaction: DDL would end that one and run in the next.
    read_only = "SET SESSION TRANSACTION READ ONLY"
    if database.kind is EngineKind.MYSQL:
        _fetch_all(connection, read_only)
        # A query that is read twice sees the same rows twice; SingleStore cannot do that.
        _fetch_all(connection, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    else:
        with suppress(errors.Error):
            _fetch_all(connection, read_only)
    _restore(connection, client, "time_zone", "sql_mode")
    ((modes,),) = _fetch_all(connection, "SELECT @@SESSION.sql_mode")
    _fetch_all(connection, "START TRANSACTION")
    return frozenset(modes.upper().split(","))


def _restore(connection: Any, client: Mapping[str, Any], *names: str) -> None:
    for name in names:
        if name in client:
            _fetch_all(connection, f"SET SESSION {name} = %s", client[name])


def _server_limits(timeout_seconds: float) -> tuple[str, ...]:
    """Return limits by the names that MariaDB and MySQL have for them.

    The guard counts the time for which we wait for the server. The server counts also the time for
    which it waits for us, which may be long, so its limits are wide: they are for a runner that
    died. A lower limit of the server stays.
    """
    seconds = 10 * timeout_seconds + 3600
    return (
        _lower("max_statement_time", seconds),
        _lower("max_execution_time", int(seconds * 1000)),
        f"net_write_timeout = {int(seconds)}",
        f"wait_timeout = {int(seconds)}",
        f"max_error_count = {_MOST_WARNINGS}",
    )


def _lower(name: str, limit: float) -> str:
    """Return an assignment that only lowers a limit of which 0 means none."""
    return f"{name} = IF(@@{name} > 0, LEAST(@@{name}, {limit}), {limit})"


def _unbuffered_cursor(connection: Any) -> Any:
    if type(connection).__module__.startswith("pymysql"):
        from pymysql.cursors import SSCursor

        return SSCursor(connection)
    import singlestoredb.mysql.cursors

    cursors: Any = singlestoredb.mysql.cursors

    has_extension = type(connection.cursor()).__name__.endswith("SV")
    return (cursors.SSCursorSV if has_extension else cursors.SSCursor)(connection)


def _binary_columns(cursor: Any) -> dict[int, Convert]:
    """Return how to read the columns whose values are bytes of no character set, by their index."""
    converters: dict[int, Convert] = {}
    for index, field in enumerate(cursor._result.fields):
        if field.type_code == _BIT:
            converters[index] = _read_bits
        elif field.type_code in _STRING_TYPES and field.charsetnr == _NO_CHARACTER_SET:
            converters[index] = read_binary
    return converters


def _convert(row: Sequence[Any], converters: Mapping[int, Convert]) -> tuple[Any, ...]:
    values = list(row)
    for index, convert in converters.items():
        if isinstance(values[index], bytes):
            values[index] = convert(values[index])
    return tuple(values)


def _read_bits(value: bytes) -> int:
    return int.from_bytes(value, "big")


def _fetch_all(connection: Any, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    with closing(connection.cursor()) as cursor:
        cursor.execute(statement, values or None)
        return list(cursor.fetchall())


def _close_server(pooled: PoolProxiedConnection, cursor: Any) -> None:
    """Close without reading the rest of the result, which the drivers' own close would do.

    The connection's settings have changed, so it does not return to the pool.
    """
    result = getattr(cursor, "_result", None)
    if result is not None:
        result.unbuffered_active = False
        result.connection = None
    pooled.invalidate()
