"""Writes samples in short transactions, as fast as the driver can: LOAD DATA where it streams.

A transaction may hold its locks for 200 ms at most, so that a person's INSERT never waits for a
run. How many rows fit is measured, not guessed.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pipeline.database.connection import Database, Session
from pipeline.database.queries import load_statements
from pipeline.database.reading import raise_driver_error
from pipeline.database.urls import EngineKind
from pipeline.errors import DatabaseError
from pipeline.records import Claim

#: Time that one transaction should take; the limit is 0.2.
_TARGET_SECONDS = 0.08
_FEWEST_ROWS, _FIRST_ROWS, _MOST_ROWS = 20, 200, 20_000
_MOST_BYTES = 8_000_000

#: key, content hash in hexadecimal, prompt, response, system prompt, weight, group, split; in UTF-8
ContentRow = tuple[
    bytes, bytes, bytes, bytes | None, bytes | None, float | None, bytes | None, bytes | None
]

_NAMED_VALUE = re.compile(r":(\w+)")
_SEPARATOR, _END, _NULL = b"\x1f", b"\x1e", b"\\N"
# Not a named statement: it depends on the driver, not on the engine.
_LOAD = (
    (
        "LOAD DATA LOCAL INFILE ':stream:' IGNORE INTO TABLE {table} CHARACTER SET utf8mb4 "
        r"FIELDS TERMINATED BY '\x1f' ESCAPED BY '\\' LINES TERMINATED BY '\x1e' ({columns})"
    )
    .replace(r"\x1f", "\x1f")
    .replace(r"\x1e", "\x1e")
)
_LOAD_CONTENTS = _LOAD.format(
    table="contents",
    columns="content_hash, prompt, response, system_prompt, weight, group_key, split",
)
_LOAD_SAMPLES = _LOAD.format(
    table="manifest_samples", columns="manifest_id, position, sample_key, content_hash"
)


class Pace:
    """How many rows one transaction may touch: as many as take `_TARGET_SECONDS`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin carefully."""
        self.rows = _FIRST_ROWS
        self._clock = clock
        self._began = 0.0

    def begin(self) -> None:
        """The transaction has its lock."""
        self._began = self._clock()

    def end(self, rows: int) -> None:
        """The transaction with this many rows is committed."""
        seconds = max(self._clock() - self._began, 1e-4)
        wanted = int(rows * _TARGET_SECONDS / seconds)
        if rows < self.rows and wanted > self.rows:
            return  # a short last chunk says little
        self.rows = max(_FEWEST_ROWS, min(wanted, 2 * self.rows, _MOST_ROWS))


class SampleWriter:
    """Writes the samples of one manifest, position after position, with their contents."""

    def __init__(self, database: Database, claim: Claim, manifest_id: int) -> None:
        """Write at position 0 first."""
        self.position = 0
        self._database = database
        self._claim = claim
        self._manifest_id = manifest_id
        self._pace = Pace()
        self._waiting: list[ContentRow] = []

    def add(self, rows: Iterable[ContentRow]) -> None:
        """Take rows in, and write what fills a transaction."""
        self._waiting.extend(rows)
        while len(self._waiting) >= (size := self._chunk_rows()):
            self._write(size)

    def finish(self) -> None:
        """Write what is left."""
        while self._waiting:
            self._write(self._chunk_rows())

    def _chunk_rows(self) -> int:
        size = self._pace.rows
        if not self._waiting:
            return size
        some = (self._waiting[0], self._waiting[len(self._waiting) // 2], self._waiting[-1])
        row_bytes = max(len(row[2]) + len(row[3] or b"") + len(row[4] or b"") for row in some)
        return max(1, min(size, _MOST_BYTES // max(row_bytes, 1)))

    def _write(self, size: int) -> None:
        chunk, self._waiting = self._waiting[:size], self._waiting[size:]
        with self._database.transaction(self._claim) as session:
            self._pace.begin()
            add_contents(self._database, session, chunk)
            _add_samples(self._database, session, self._manifest_id, self.position, chunk)
        self._pace.end(len(chunk))
        self.position += len(chunk)


def add_contents(database: Database, session: Session, rows: Sequence[ContentRow]) -> None:
    """Keep contents that are not there already."""
    # In one order everywhere: two runs that write the same texts cannot lock each other out.
    ordered = sorted(rows, key=lambda row: row[1])
    if (cursor := _loading_cursor(session)) is not None:
        _load(database, cursor, _LOAD_CONTENTS, _content_lines(ordered))
        return
    values = [
        (h.decode(), p.decode(), _text(r), _text(s), w, _text(g), _text(t))
        for _, h, p, r, s, w, g, t in ordered
    ]
    _execute_many(database, session, "add_content", values)


def _add_samples(
    database: Database, session: Session, manifest_id: int, first: int, rows: Sequence[ContentRow]
) -> None:
    if (cursor := _loading_cursor(session)) is not None:
        lines = _sample_lines(manifest_id, first, rows)
        stored = _load(database, cursor, _LOAD_SAMPLES, lines)
        if stored != len(rows):
            raise DatabaseError(f"the database stored {stored} of {len(rows)} samples")
        return
    values = [
        (manifest_id, position, row[0].decode(), row[1].decode())
        for position, row in enumerate(rows, first)
    ]
    _execute_many(database, session, "add_manifest_sample", values)


def _execute_many(
    database: Database, session: Session, name: str, values: Sequence[tuple[Any, ...]]
) -> None:
    """Run a statement once per row on the driver itself: SQLAlchemy's way costs twice the time."""
    mark = "?" if database.kind is EngineKind.SQLITE else "%s"
    sql = _NAMED_VALUE.sub(mark, load_statements(database.kind.value)[name])
    session.connection.exec_driver_sql(sql, list(values))


def _loading_cursor(session: Session) -> Any:
    """Give a cursor that can stream LOAD DATA, None where driver or address cannot."""
    driver: Any = session.connection.connection.driver_connection
    if getattr(driver, "_local_infile", False) and hasattr(driver, "_local_infile_stream"):
        return driver.cursor()
    return None


def _load(database: Database, cursor: Any, sql: str, lines: bytes) -> int:
    try:
        return int(cursor.execute(sql, infile_stream=[lines]) or cursor.rowcount)
    except Exception as error:
        raise_driver_error(database, error)
        raise
    finally:
        cursor.close()


def _content_lines(rows: Sequence[ContentRow]) -> bytes:
    texts = [field for row in rows for field in row[2:] if isinstance(field, bytes)]
    if _needs_escape(b"".join(texts)):
        fields = [
            (h, _escape(p), _escape(r), _escape(s), _number(w), _escape(g), _escape(t))
            for _, h, p, r, s, w, g, t in rows
        ]
    else:
        fields = [
            (
                h,
                p,
                _NULL if r is None else r,
                _NULL if s is None else s,
                _number(w),
                _NULL if g is None else g,
                _NULL if t is None else t,
            )
            for _, h, p, r, s, w, g, t in rows
        ]
    return b"".join([_SEPARATOR.join(line) + _END for line in fields])


def _sample_lines(manifest_id: int, first: int, rows: Sequence[ContentRow]) -> bytes:
    keys = [row[0] for row in rows]
    if _needs_escape(b"".join(keys)):
        keys = [_escape(key) for key in keys]
    start = b"%d\x1f" % manifest_id
    return b"".join(
        [
            b"%s%d\x1f%s\x1f%s\x1e" % (start, position, key, row[1])
            for position, (key, row) in enumerate(zip(keys, rows, strict=True), first)
        ]
    )


def _needs_escape(text: bytes) -> bool:
    return b"\\" in text or _SEPARATOR in text or _END in text


def _escape(value: bytes | None) -> bytes:
    if value is None:
        return _NULL
    return value.replace(b"\\", b"\\\\").replace(_SEPARATOR, b"\\\x1f").replace(_END, b"\\\x1e")


def _number(value: float | None) -> bytes:
    if value is None:
        return _NULL
    return b"1" if value == 1.0 else repr(value).encode()


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()
