"""Stops the statement of a selection at its server, and finds those that a server did not stop.

A server stops a statement between two steps of its own. A function that computes for hours is one
step, so the statement continues after it was killed, and each repetition would add another.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import Any

from sqlalchemy import Connection

from sqltune.database.connection import Database
from sqltune.errors import SelectionTimeout

#: How long a server may take to stop a statement before the run says that it continues.
_KILL_SECONDS = 5.0
#: How long to wait before it is asked again whether it has.
_LOOK_SECONDS = 0.1
#: Servers list as many characters of a statement at most, and some letters as question marks.
_LISTED_CHARACTERS = 60_000
_UNLIKE_LETTERS = re.compile(rb"(?:[^ -~]|\?)+")
_CURE = "(SHOW PROCESSLIST), maybe until the server is restarted"


def stop_statement(database: Database, connection: Any) -> str:
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


def refuse_unstopped(
    fetch_all: Callable[[str], list[tuple[Any, ...]]], database: Database, sql: str
) -> None:
    """Refuse a statement that the server still executes for an earlier run, which killed it.

    Every user sees their own connections, without a right.

    Raises:
        SelectionTimeout: names the connection.
    """
    errors: Any = database.engine.dialect.loaded_dbapi
    rows: list[tuple[Any, ...]] = []
    with suppress(errors.Error):  # a server that has no such table, or shows it to others
        rows = fetch_all(
            "SELECT id, info FROM information_schema.processlist WHERE command = 'Killed'"
        )
    text = _comparable(sql.encode())
    for number, info in rows:
        if info and _comparable(info) == text:
            raise SelectionTimeout(
                "an earlier run killed this query and the server has not stopped it, so it is not "
                f"started again: its connection {int(number)} continues there {_CURE}"
            )


def _comparable(statement: str | bytes) -> bytes:
    listed = statement.encode() if isinstance(statement, str) else statement
    return _UNLIKE_LETTERS.sub(b"?", listed)[:_LISTED_CHARACTERS]


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
    return f"; the server has not stopped it: its connection {number} continues there {_CURE}"


def _is_executed(other: Connection, number: int) -> bool:
    query = (
        "SELECT COUNT(*) FROM information_schema.processlist "
        "WHERE id = %s AND command IN ('Query', 'Killed')"
    )
    return bool(other.exec_driver_sql(query, (number,)).scalar())
