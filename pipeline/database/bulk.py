"""Writes samples in short transactions, as fast as the driver can.

A transaction may hold its locks for 200 ms at most, so that a person's INSERT never waits for a
run. How many rows fit is measured, not guessed.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from pipeline.database.connection import Database, Session
from pipeline.database.loading import (
    LOAD_CONTENTS,
    LOAD_SAMPLES,
    ContentRow,
    can_load,
    content_lines,
    load,
    sample_lines,
)
from pipeline.database.queries import load_statements
from pipeline.database.urls import EngineKind
from pipeline.errors import DatabaseError
from pipeline.records import Claim

__all__ = ["ContentRow", "Pace", "SampleWriter", "pack_contents"]

#: Time that one transaction should take; the limit is 0.2.
_TARGET_SECONDS = 0.08
_FEWEST_ROWS, _FIRST_ROWS, _MOST_ROWS = 20, 200, 20_000
_MOST_BYTES = 8_000_000
_NAMED_VALUE = re.compile(r":(\w+)")

#: Stores prepared rows inside a transaction, and gives how many rows were stored.
Store = Callable[[Session], int]


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
    """Writes the samples of one manifest, position after position, with their contents.

    One transaction is at work in a thread while the caller reads and checks the next rows. As a
    context manager it waits for that thread at the end; `finish` says that all rows are there.
    `new_contents` counts the contents that were not there before. Where it equals `position`, no
    two samples have the same content.
    """

    def __init__(self, database: Database, claim: Claim, manifest_id: int) -> None:
        """Write at position 0 first."""
        self.position = 0
        self.new_contents = 0
        self._database = database
        self._claim = claim
        self._manifest_id = manifest_id
        self._loads = can_load(database)
        self._pace = Pace()
        self._waiting: list[ContentRow] = []
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sample-writer")
        self._written: Future[None] | None = None

    def __enter__(self) -> SampleWriter:
        """Give the writer."""
        return self

    def __exit__(self, *_: object) -> None:
        """Wait for the transaction at work; what is left is not written."""
        self._thread.shutdown(wait=True)

    def add(self, rows: Iterable[ContentRow]) -> None:
        """Take rows in, and begin to write what fills a transaction."""
        self._waiting.extend(rows)
        while len(self._waiting) >= self._chunk_rows():
            self._begin_chunk()

    def finish(self) -> None:
        """Write what is left."""
        while self._waiting:
            self._begin_chunk()
        self._wait()

    def _begin_chunk(self) -> None:
        self._wait()
        size = self._chunk_rows()
        chunk, self._waiting = self._waiting[:size], self._waiting[size:]
        self._written = self._thread.submit(self._write, chunk)

    def _wait(self) -> None:
        if self._written is not None:
            self._written.result()

    def _chunk_rows(self) -> int:
        size = self._pace.rows
        if not self._waiting:
            return size
        some = (self._waiting[0], self._waiting[len(self._waiting) // 2], self._waiting[-1])
        row_bytes = max(len(row[2]) + len(row[3] or b"") + len(row[4] or b"") for row in some)
        return max(1, min(size, _MOST_BYTES // max(row_bytes, 1)))

    def _write(self, chunk: Sequence[ContentRow]) -> None:
        # Nothing is prepared while others wait for the lock.
        store_contents = pack_contents(self._database, chunk, loads=self._loads)
        store_samples = self._pack_samples(chunk)
        with self._database.transaction(self._claim) as session:
            self._pace.begin()
            self.new_contents += store_contents(session)
            stored = store_samples(session)
            if stored != len(chunk):
                raise DatabaseError(f"the database stored {stored} of {len(chunk)} samples")
        self._pace.end(len(chunk))
        self.position += len(chunk)

    def _pack_samples(self, chunk: Sequence[ContentRow]) -> Store:
        first = self.position
        if self._loads:
            lines = sample_lines(self._manifest_id, first, chunk)
            return lambda session: load(self._database, session, LOAD_SAMPLES, lines)
        values = [
            (self._manifest_id, position, row[0].decode(), row[1].decode())
            for position, row in enumerate(chunk, first)
        ]
        return _inserts(self._database, "add_manifest_sample", values)


def pack_contents(database: Database, rows: Sequence[ContentRow], *, loads: bool = False) -> Store:
    """Prepare contents; the result stores those that are not there already."""
    # In one order everywhere: two runs that write the same texts cannot lock each other out.
    ordered = sorted(rows, key=lambda row: row[1])
    if loads:
        lines = content_lines(ordered)
        return lambda session: load(database, session, LOAD_CONTENTS, lines)
    values = [
        (h.decode(), p.decode(), _text(r), _text(s), w, _text(g), _text(t))
        for _, h, p, r, s, w, g, t in ordered
    ]
    return _inserts(database, "add_content", values)


def _inserts(database: Database, name: str, values: list[tuple[Any, ...]]) -> Store:
    """Run a statement once per row, on the driver itself: SQLAlchemy takes twice the time."""
    mark = "?" if database.kind is EngineKind.SQLITE else "%s"
    sql = _NAMED_VALUE.sub(mark, load_statements(database.kind.value)[name])
    return lambda session: session.connection.exec_driver_sql(sql, values).rowcount


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()
