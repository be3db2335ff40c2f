"""Reads a selection from a server, on a connection that only reads.

The query returns what the person's own client gets: the session keeps the server's sql_mode, time
zone and limits.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from functools import partial
from threading import Thread
from typing import Any

from sqlalchemy import Connection, PoolProxiedConnection

from sqltune.database.connection import Database
from sqltune.database.cut_values import refuse_cut_values
from sqltune.database.engines import CLIENT_SESSION
from sqltune.database.reading_cursor import ReadingCursor, read_binary
from sqltune.database.sockets import limit_silence
from sqltune.database.urls import EngineKind

_NAMED_VALUE = re.compile(r"(?<![:\w]):(\w+)")
_DECIMAL_TYPES = (0, 246)
_BIT = 16
#: VARCHAR, VECTOR, the BLOBs, VAR_STRING, STRING and GEOMETRY.
_STRING_TYPES = frozenset({15, 242, 249, 250, 251, 252, 253, 254, 255})
_NO_CHARACTER_SET = 63
#: The most warnings that a server keeps; its own default is 64, behind which one would be hidden.
_MOST_WARNINGS = 65_535
#: How long a server may take to stop a statement before the run says that it continues.
_KILL_SECONDS = 5.0
#: How long to wait before it is asked again whether it has.
_LOOK_SECONDS = 0.1

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
            _restore(connection, client, "sql_select_limit")
            cursor.execute(sql)

    def fetch(rows: int) -> list[tuple[Any, ...]]:
        page = list(cursor.fetchmany(rows))
        if not page:
            refuse_cut_values(partial(_fetch_all, connection))
        converters = _binary_columns(cursor)
        return [_convert(row, converters) for row in page] if converters else page

    return ReadingCursor(
        execute=execute,
        fetch=fetch,
        column_names=lambda: [str(column[0]) for column in cursor.description or ()],
        abort=lambda: _stop_query(database, connection),
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


def _stop_query(database: Database, connection: Any) -> str:
    """Stop the statement at the server, then wake the reader, which may wait for the network.

    Returns:
        What remains of the statement, for a message.
    """
    number = int(connection.thread_id())
    remains = [f"; the server could not be asked to stop it: its connection {number} may continue"]

    def kill() -> None:
        with suppress(Exception):
            remains[0] = _kill(database, number)

    # Where the network is silent too, this thread waits as long as its connection allows.
    killing = Thread(target=kill, daemon=True)
    killing.start()
    killing.join(2 * _KILL_SECONDS)
    sock = getattr(connection, "_sock", None)
    with suppress(OSError):
        if sock is not None:
            sock.shutdown(socket.SHUT_RDWR)
    return remains[0]


def _kill(database: Database, number: int) -> str:
    """Kill a statement, and its connection if that is not enough; return what remains of it."""
    # Only here: most commands kill nothing, and they begin at once.
    from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

    with database.engine.connect() as other:
        other.exec_driver_sql(f"KILL QUERY {number}")
        ending = Retrying(
            retry=retry_if_result(bool),
            wait=wait_fixed(_LOOK_SECONDS),
            stop=stop_after_delay(_KILL_SECONDS),
            retry_error_callback=lambda state: True,
        )
        if not ending(_is_executed, other, number):
            return ""
        other.exec_driver_sql(f"KILL CONNECTION {number}")
    return (
        f"; the server has not stopped it: its connection {number} continues there (SHOW "
        "PROCESSLIST), maybe until the server is restarted"
    )


def _is_executed(other: Connection, number: int) -> bool:
    query = (
        "SELECT COUNT(*) FROM information_schema.processlist "
        "WHERE id = %s AND command IN ('Query', 'Killed')"
    )
    return bool(other.exec_driver_sql(query, (number,)).scalar())


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
