"""LOAD DATA from memory, through singlestoredb: the fastest way into MySQL-like servers.

The client streams our bytes inside the transaction, if the address has `?local_infile=true` and the
server allows it; otherwise rows are inserted one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqltune.database.connection import Database, Session
from sqltune.database.reading import raise_driver_error

#: The size of one packet of LOAD DATA; the protocol allows up to 16 MB.
_PIECE_BYTES = 1_000_000
_SEPARATOR, _END, _NULL = b"\x1f", b"\x1e", b"\\N"
# Not a named statement: it depends on the driver, not on the engine.
_LOAD = (
    "LOAD DATA LOCAL INFILE ':stream:' IGNORE INTO TABLE {table} CHARACTER SET utf8mb4 "
    "FIELDS TERMINATED BY '\x1f' ESCAPED BY '\\\\' LINES TERMINATED BY '\x1e' ({columns})"
)
LOAD_CONTENTS = _LOAD.format(
    table="contents",
    columns="content_hash, prompt, response, system_prompt, messages, weight, group_key, split",
)
LOAD_SAMPLES = _LOAD.format(
    table="manifest_samples",
    columns="manifest_id, position, sample_key, content_hash, is_validation",
)


class ContentRow(NamedTuple):
    """One row of a selection with its content, texts in UTF-8."""

    key: bytes
    content_hash: bytes  #: in hexadecimal
    prompt: bytes
    response: bytes | None  #: of an evaluation prompt: what is expected
    system_prompt: bytes | None
    messages: bytes | None
    weight: float | None = None
    group_key: bytes | None = None
    split: bytes | None = None
    is_validation: bool = False  #: of a sample: never trained, its loss is measured

    @property
    def texts(self) -> tuple[bytes | None, ...]:
        """All its texts, the key left out."""
        shown = (self.prompt, self.response, self.system_prompt, self.messages)
        return (*shown, self.group_key, self.split)


def can_load(database: Database) -> bool:
    """Return whether driver, address and server can stream LOAD DATA."""
    with database.read() as session:
        driver: Any = session.connection.connection.driver_connection
        if not getattr(driver, "_local_infile", False) or not hasattr(driver, "_in_sync"):
            return False
        allowed = session.connection.exec_driver_sql("SELECT @@local_infile").scalar()
    return bool(allowed)


def load(database: Database, session: Session, sql: str, lines: bytes) -> int:
    """Stream lines into a table and return the number of rows that were stored."""
    cursor: Any = session.connection.connection.cursor()  # infile_stream is singlestoredb's own
    try:
        pieces = (lines[i : i + _PIECE_BYTES] for i in range(0, len(lines), _PIECE_BYTES))
        cursor.execute(sql, infile_stream=pieces)
        return int(cursor.rowcount)
    except Exception as error:
        raise_driver_error(database, error)
        raise
    finally:
        cursor.close()


def content_lines(rows: Sequence[ContentRow]) -> bytes:
    """Return rows of `contents` as LOAD DATA reads them."""
    texts = [text for row in rows for text in row.texts if text]
    mend = _escape if _needs_escape(b"".join(texts)) else _mark_null
    return b"".join(
        [
            _SEPARATOR.join((h, mend(p), mend(r), mend(s), mend(m), _number(w), mend(g), mend(t)))
            + _END
            for _, h, p, r, s, m, w, g, t, _ in rows
        ]
    )


def sample_lines(manifest_id: int, first: int, rows: Sequence[ContentRow]) -> bytes:
    """Return rows of `manifest_samples`, from position `first` on, as LOAD DATA reads them."""
    keys = [row.key for row in rows]
    if _needs_escape(b"".join(keys)):
        keys = [_escape(key) for key in keys]
    start = b"%d\x1f" % manifest_id
    return b"".join(
        [
            b"%s%d\x1f%s\x1f%s\x1f%d\x1e"
            % (start, position, key, row.content_hash, row.is_validation)
            for position, (key, row) in enumerate(zip(keys, rows, strict=True), first)
        ]
    )


def _needs_escape(text: bytes) -> bool:
    return b"\\" in text or _SEPARATOR in text or _END in text


def _mark_null(value: bytes | None) -> bytes:
    return _NULL if value is None else value


def _escape(value: bytes | None) -> bytes:
    if value is None:
        return _NULL
    return value.replace(b"\\", b"\\\\").replace(_SEPARATOR, b"\\\x1f").replace(_END, b"\\\x1e")


def _number(value: float | None) -> bytes:
    if value is None:
        return _NULL
    return b"1" if value == 1.0 else repr(value).encode()
