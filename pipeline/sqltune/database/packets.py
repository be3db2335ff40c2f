"""The largest statement that a server takes: it closes the connection at a larger one, silently.

Sizes are compared before anything is sent, so that an error can name the text and the cure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, Engine, event

from sqltune.errors import TextTooLarge

_LIMIT = "sqltune_largest_statement"
#: A character has up to four bytes, and one more where it is escaped.
_BYTES_A_CHARACTER = 5
_ESCAPED = "\0\\\n\r\x1a\"'"
#: What a statement has beside its texts: its own words, numbers, the protocol's head.
_REST_BYTES = 2_000
_SHOWN_CHARACTERS = 40


def watch_statements(engine: Engine) -> None:
    """Refuse statements that the engine's server would not take."""

    @event.listens_for(engine, "connect")
    def connected(connection: Any, record: Any) -> None:
        with suppress(engine.dialect.loaded_dbapi.Error):
            record.info[_LIMIT] = _ask_limit(connection)

    @event.listens_for(engine, "before_cursor_execute")
    def executing(
        connection: Connection,
        cursor: Any,
        statement: str,
        parameters: Any,
        context: object,
        executemany: bool,
    ) -> None:
        limit = connection.info.get(_LIMIT)
        if limit is None:
            return
        # The drivers join rows into one statement up to this length.
        cursor.max_stmt_length = min(type(cursor).max_stmt_length, limit - _REST_BYTES)
        for values in parameters if executemany else (parameters,):
            require_fitting(values.values() if isinstance(values, Mapping) else values, limit)


def find_limit(connection: Connection) -> int | None:
    """Return how many bytes a statement may have; None: as many as one likes."""
    limit: int | None = connection.info.get(_LIMIT)
    return limit


def require_fitting(values: Iterable[object], limit: int) -> None:
    """Check that the values of one row fit into one statement.

    Raises:
        TextTooLarge: they do not.
    """
    texts = [value for value in values if isinstance(value, str)]
    if sum(map(len, texts)) * _BYTES_A_CHARACTER + _REST_BYTES <= limit:
        return
    size = sum(map(_literal_bytes, texts)) + _REST_BYTES
    if size > limit:
        begin = max(texts, key=len)[:_SHOWN_CHARACTERS]
        raise TextTooLarge(
            f"the texts of the row need {size:,} bytes in one statement, and the server takes "
            f"max_allowed_packet = {limit:,} (the longest text begins {begin!r}): raise it with "
            f"SET GLOBAL max_allowed_packet = {_round_up(size)}, or shorten the text"
        )


def _ask_limit(connection: Any) -> int:
    cursor = connection.cursor()
    try:
        cursor.execute("SELECT @@max_allowed_packet")
        return int(cursor.fetchone()[0])
    finally:
        cursor.close()


def _literal_bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass")) + sum(map(text.count, _ESCAPED))


def _round_up(size: int) -> int:
    """Return the next size that a server accepts as it is: whole MiB."""
    return -(-size // 2**20) * 2**20
