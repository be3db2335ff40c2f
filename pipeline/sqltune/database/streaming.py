"""Streams the rows of a selection in pages; it can be stopped while the server still computes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from threading import Event, Thread
from typing import Any

from sqltune.database.connection import Database
from sqltune.database.errors import error_number, translate_errors
from sqltune.database.reading import open_reading_cursor, raise_driver_error
from sqltune.database.reading_cursor import ReadingCursor
from sqltune.errors import DatabaseError, DatabaseUnavailable, DataError, SelectionTimeout

#: A page grows until it holds about this much text.
_PAGE_BYTES = 500_000
_FIRST_PAGE_ROWS = 64
_MOST_PAGE_ROWS = 2_000
#: How long the reader may wait for the server before the guard asks `check` on its behalf.
_PATIENCE_SECONDS = 0.5
_TIMEOUT_CODES = frozenset({1969, 3024})
_CONNECTION_CODES = frozenset({1044, 1045, 1049, 2002, 2003, 2006, 2013})

Rows = list[tuple[Any, ...]]


class RowStream:
    """The rows of one query, page by page; texts are bytes."""

    def __init__(self, cursor: ReadingCursor, guard: QueryGuard) -> None:
        """Read from `cursor`, which has executed the query."""
        self.column_names = cursor.column_names()
        self._cursor = cursor
        self._guard = guard

    def pages(self) -> Iterator[Rows]:
        """Yield the rows in the order of the query; each page is about half a megabyte.

        Raises:
            DataError: the time limit was reached, or the query failed at a later row; or any error
                that the stream's `check` raised.
        """
        size = _FIRST_PAGE_ROWS
        while rows := self._fetch(size):
            yield rows
            size = _next_size(rows, size)

    def _fetch(self, size: int) -> Rows:
        with _refusing_query():
            return self._guard.run(partial(self._cursor.fetch, size))


class QueryGuard:
    """Asks `check` before each step, and in another thread while a step waits for the server."""

    def __init__(
        self,
        database: Database,
        cursor: ReadingCursor,
        check: Callable[[], None],
        timeout_seconds: float,
    ) -> None:
        """Guard one cursor until `stop`."""
        self._database = database
        self._cursor = cursor
        self._check = check
        self._timeout_seconds = timeout_seconds
        self._waited_seconds = 0.0
        self._waiting_since: float | None = None
        self._error: BaseException | None = None
        self._stopped = Event()
        self._thread = Thread(target=self._watch, name="query-guard", daemon=True)
        self._thread.start()

    def run(self, step: Callable[[], Rows]) -> Rows:
        """Run one step that may wait for the server; the error that stopped it is raised."""
        self._check()
        began = time.monotonic()
        self._waiting_since = began
        try:
            with translate_errors():
                return self._step(step)
        except Exception as error:
            self._raise_reason(error)
            raise
        finally:
            self._waiting_since = None
            self._waited_seconds += time.monotonic() - began
            if self._error is not None:
                self.stop()  # the other thread may still add what became of the statement
                raise self._error

    def stop(self) -> None:
        """End the other thread."""
        self._stopped.set()
        self._thread.join()

    def _step(self, step: Callable[[], Rows]) -> Rows:
        try:
            return step()
        except Exception as error:
            raise_driver_error(self._database, error)
            raise

    def _raise_reason(self, error: Exception) -> None:
        if self._error is None and error_number(error.__cause__ or error) in _TIMEOUT_CODES:
            self._error = SelectionTimeout(
                f"the server ended the query by a time limit of its own ({_reason(error)}): make "
                "it faster, or raise max_statement_time (on MySQL max_execution_time) there"
            )

    def _watch(self) -> None:
        while not self._stopped.wait(_PATIENCE_SECONDS / 2):
            since = self._waiting_since
            if since is None or time.monotonic() - since < _PATIENCE_SECONDS:
                continue
            if self._waited_seconds + time.monotonic() - since > self._timeout_seconds:
                self._error = self._timeout()
                self._error = self._timeout(self._cursor.abort())
                return
            try:
                self._check()
            except BaseException as error:
                self._error = error
                self._cursor.abort()
                return

    def _timeout(self, remains: str = "") -> SelectionTimeout:
        return SelectionTimeout(
            f"the query took longer than {self._timeout_seconds:g} seconds: make it faster, or "
            f"raise SQLTUNE_SELECTION_TIMEOUT_SECONDS{remains}"
        )


class ReadingConnection:
    """A separate connection on which one query runs."""

    def __init__(self, cursor: ReadingCursor, guard: QueryGuard) -> None:
        """Run on `cursor`, whose steps `guard` watches."""
        self.sql_modes = cursor.sql_modes
        self._cursor = cursor
        self._guard = guard

    def run(self, sql: str, values: Mapping[str, object]) -> RowStream:
        """Run the query.

        Args:
            sql: one guarded SELECT, with `:name` for each of `values`.
            values: without any, the text runs exactly as it is, and returns as many rows as to a
                client of the server's.

        Raises:
            DataError: the database does not accept the query.
        """

        def step() -> Rows:
            self._cursor.execute(sql, values)
            return []

        with _refusing_query():
            self._guard.run(step)
        return RowStream(self._cursor, self._guard)


@contextmanager
def open_connection(
    database: Database, *, check: Callable[[], None], timeout_seconds: float
) -> Iterator[ReadingConnection]:
    """Open a separate connection that can only read.

    Args:
        database: where the query runs.
        check: raises when the work must stop; called at every page and while waiting.
        timeout_seconds: longest time to wait for the server in total; our own work on the rows does
            not count.

    Raises:
        DatabaseUnavailable: there is no connection.
    """
    with translate_errors():
        cursor = _connect(database, timeout_seconds)
    guard = QueryGuard(database, cursor, check, timeout_seconds)
    try:
        yield ReadingConnection(cursor, guard)
    finally:
        guard.stop()
        cursor.close()


@contextmanager
def open_stream(
    database: Database,
    sql: str,
    values: Mapping[str, object],
    *,
    check: Callable[[], None],
    timeout_seconds: float,
) -> Iterator[RowStream]:
    """Run a query on a connection of its own and yield its rows as they arrive.

    The arguments and errors are those of `open_connection` and `ReadingConnection.run`.
    """
    with open_connection(database, check=check, timeout_seconds=timeout_seconds) as connection:
        yield connection.run(sql, values)


def _connect(database: Database, timeout_seconds: float) -> ReadingCursor:
    try:
        return open_reading_cursor(database, timeout_seconds=timeout_seconds)
    except Exception as error:
        raise_driver_error(database, error)
        raise


@contextmanager
def _refusing_query() -> Iterator[None]:
    """Turn an error that the query caused into one that concerns its adapter alone."""
    try:
        yield
    except DatabaseUnavailable:
        raise
    except DatabaseError as error:
        if error_number(error.__cause__ or error) in _CONNECTION_CODES:
            raise
        raise DataError(
            f"the database does not accept the query: {_reason(error)}", code="query_failed"
        ) from error


def _reason(error: Exception) -> str:
    original = getattr(error.__cause__, "orig", None)
    texts = [part for part in getattr(original, "args", ()) if isinstance(part, str)]
    return texts[0] if texts else str(error)


def _next_size(rows: Rows, size: int) -> int:
    """Return the next page's number of rows, so that pages have about the same number of bytes.

    Three rows of the last page serve as an estimate.
    """
    some = (rows[0], rows[len(rows) // 2], rows[-1])
    row_bytes = max(sum(len(v) for v in row if isinstance(v, bytes)) for row in some)
    wanted = _PAGE_BYTES // max(row_bytes, 1)
    return max(1, min(wanted, 2 * size, _MOST_PAGE_ROWS))
