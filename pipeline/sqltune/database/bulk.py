"""Writes samples in short transactions, as fast as the driver can.

Contents are keyed by their hash, so they arrive in random order, each on another database page.
Sorting as many as fit into memory before they are written halves what the database has to write.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace
from operator import attrgetter
from threading import Event
from typing import Any

from sqlalchemy import event

from sqltune.database.connection import Database, Session
from sqltune.database.loading import (
    LOAD_CONTENTS,
    LOAD_SAMPLES,
    ContentRow,
    can_load,
    content_lines,
    load,
    sample_lines,
)
from sqltune.database.pace import Pace
from sqltune.database.queries import load_statements
from sqltune.database.run_scope import RunScope
from sqltune.database.urls import EngineKind
from sqltune.errors import DatabaseError

__all__ = ["ContentRow", "SampleWriter", "open_sample_writer", "pack_contents"]

#: What is sorted and written at once. Twice as much is in memory: the next run is read meanwhile.
_RUN_ROWS, _RUN_BYTES = 40_000, 16_000_000
_CHUNK_BYTES = 4_000_000
#: SQLite's page cache while samples are written, in KiB.
_CACHE_KIB = 64_000
#: SQLite's write lock is left free for so long, so often. A process that waits for it tries only
#: every 100 ms (sqliteDefaultBusyCallback in https://sqlite.org/src/file/src/main.c) and would
#: otherwise fail at every try while samples are written.
_BREATHER_SECONDS, _BREATHER_EVERY_SECONDS = 0.11, 1.5
#: How long the caller waits for the writing thread before it checks whether to continue.
_PATIENCE_SECONDS = 0.5
_NAMED_VALUE = re.compile(r":(\w+)")

#: Stores prepared rows inside a transaction and returns how many rows were stored.
Store = Callable[[Session], int]


class SampleWriter:
    """Writes the samples of one manifest, position after position, with their contents.

    One run of samples is written in a thread while the caller reads and checks the next.
    """

    def __init__(self, scope: RunScope, *, loads: bool) -> None:
        """Write the manifest of the scope's run, position 0 first.

        Args:
            scope: its database is used by the writing thread alone; its `check` is called while the
                caller waits for that thread.
            loads: whether driver and server can stream LOAD DATA.
        """
        self.position = 0
        self._scope = scope
        self._loads = loads
        self._pace_of_contents, self._pace_of_samples = Pace(), Pace()
        self._run: list[ContentRow] = []
        self._run_bytes = 0
        self._released_at = self._breathed_at = time.monotonic()
        self._stopped = Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sample-writer")
        self._written: Future[None] | None = None

    def add(self, rows: Sequence[ContentRow], text_bytes: int) -> None:
        """Add rows whose texts have this many bytes; write them once there are enough."""
        self._run += rows
        self._run_bytes += text_bytes
        if len(self._run) >= _RUN_ROWS or self._run_bytes >= _RUN_BYTES:
            self._begin_run()

    def finish(self) -> None:
        """Write the remaining rows and wait for them."""
        self._begin_run()
        self._wait()

    def stop(self) -> None:
        """End the thread after the current transaction."""
        self._stopped.set()
        self._thread.shutdown(wait=True)

    def _begin_run(self) -> None:
        self._wait()
        self._written = self._thread.submit(self._write_run, self._run)
        self._run, self._run_bytes = [], 0
        if self._scope.database.kind is EngineKind.SQLITE:
            # SQLite runs in this process: a busy reader would slow it down while it has the lock.
            self._wait()

    def _wait(self) -> None:
        if self._written is None:
            return
        while not wait([self._written], timeout=_PATIENCE_SECONDS).done:
            self._scope.check()
        self._written.result()

    def _write_run(self, rows: list[ContentRow]) -> None:
        """Write contents in the order of their hashes, then samples in their own order."""
        # One order everywhere also means that two runs with equal texts cannot deadlock.
        by_hash = sorted(rows, key=attrgetter("content_hash"))
        for chunk in self._chunks(by_hash, self._pace_of_contents):
            store = pack_contents(self._scope.database, chunk, loads=self._loads)
            self._commit(store, chunk, self._pace_of_contents)
        for chunk in self._chunks(rows, self._pace_of_samples):
            stored = self._commit(self._pack_samples(chunk), chunk, self._pace_of_samples)
            if stored != len(chunk):
                raise DatabaseError(f"the database stored {stored} of {len(chunk)} samples")
            self.position += len(chunk)

    def _chunks(self, rows: Sequence[ContentRow], pace: Pace) -> Iterator[Sequence[ContentRow]]:
        """Cut rows into what fits into one transaction, estimated again each time."""
        first = 0
        while first < len(rows) and not self._stopped.is_set():
            chunk = rows[first : first + pace.rows]
            some = (chunk[0], chunk[len(chunk) // 2], chunk[-1])
            fitting = _CHUNK_BYTES // max(1, *map(_text_bytes, some))
            chunk = chunk[: max(1, fitting)]
            yield chunk
            first += len(chunk)

    def _commit(self, store: Store, chunk: Sequence[ContentRow], pace: Pace) -> int:
        if self._scope.database.kind is EngineKind.SQLITE:
            self._breathe()
        with self._scope.transaction() as session:
            pace.begin()
            stored = store(session)
        pace.end(len(chunk))
        self._released_at = time.monotonic()
        return stored

    def _breathe(self) -> None:
        """Leave the lock free for a while, unless reading has done so recently."""
        now = time.monotonic()
        if now - self._released_at < _BREATHER_SECONDS:
            if now - self._breathed_at < _BREATHER_EVERY_SECONDS:
                return
            self._stopped.wait(_BREATHER_SECONDS - (now - self._released_at))
        self._breathed_at = time.monotonic()

    def _pack_samples(self, chunk: Sequence[ContentRow]) -> Store:
        first = self.position
        if self._loads:
            lines = sample_lines(self._scope.run_id, first, chunk)
            return lambda session: load(self._scope.database, session, LOAD_SAMPLES, lines)
        values = [
            (
                self._scope.run_id,
                position,
                row.key.decode(),
                row.content_hash.decode(),
                int(row.is_validation),
            )
            for position, row in enumerate(chunk, first)
        ]
        return _inserts(self._scope.database, "add_manifest_sample", values)


@contextmanager
def open_sample_writer(scope: RunScope) -> Iterator[SampleWriter]:
    """Yield a writer for the samples of the run's manifest; its thread ends with the block."""
    with _writing_database(scope.database) as writing:
        writer = SampleWriter(replace(scope, database=writing), loads=can_load(scope.database))
        try:
            yield writer
        finally:
            writer.stop()


def pack_contents(database: Database, rows: Sequence[ContentRow], *, loads: bool = False) -> Store:
    """Prepare contents before the lock is taken; the result stores those that are new."""
    if loads:
        lines = content_lines(rows)
        return lambda session: load(database, session, LOAD_CONTENTS, lines)
    values = [
        (
            h.decode(),
            p.decode(),
            None if r is None else r.decode(),
            None if s is None else s.decode(),
            None if m is None else m.decode(),
            w,
            None if g is None else g.decode(),
            None if t is None else t.decode(),
        )
        for _, h, p, r, s, m, w, g, t, _ in rows
    ]
    return _inserts(database, "add_content", values)


@contextmanager
def _writing_database(database: Database) -> Iterator[Database]:
    """Yield the database to write to; for SQLite, a connection of its own with a large cache."""
    if database.kind is not EngineKind.SQLITE:
        yield database
        return
    own = Database.open(database.engine.url.render_as_string(hide_password=False))

    @event.listens_for(own.engine, "connect")
    def connected(connection: Any, _record: object) -> None:
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        # Otherwise the last COMMIT would copy the whole log before it returns.
        connection.execute("PRAGMA wal_autocheckpoint = 0")

    try:
        yield own
        with own.read() as session:
            session.connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")
    finally:
        own.close()


def _inserts(database: Database, name: str, values: list[tuple[Any, ...]]) -> Store:
    """Run a statement once per row, on the driver itself: SQLAlchemy takes twice the time."""
    mark = "?" if database.kind is EngineKind.SQLITE else "%s"
    sql = _NAMED_VALUE.sub(mark, load_statements(database.kind.value)[name])
    return lambda session: session.connection.exec_driver_sql(sql, values).rowcount


def _text_bytes(row: ContentRow) -> int:
    texts = (row.prompt, row.response, row.system_prompt, row.messages)
    return sum(len(text) for text in texts if text)
