"""Opens an adapter's selection: finds the query, streams its rows and maps its columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqltune.database.connection import Database
from sqltune.database.streaming import Rows, RowStream, open_connection
from sqltune.records import Adapter, SelectionName
from sqltune.selection.bad_rows import RowCounts
from sqltune.selection.columns import ColumnMap, map_columns
from sqltune.selection.forgotten import ForgottenHashes, ForgottenRows
from sqltune.selection.sources import find_source


@dataclass(frozen=True, slots=True)
class SelectionReader:
    """Where selections are read, and when the reading must stop."""

    database: Database  #: a connection of its own that may only read
    check: Callable[[], None]  #: raises when the reading must stop; called at every page
    timeout_seconds: float  #: longest time to wait for the server, in total
    forgotten: ForgottenHashes | None = None  #: what is left out; None: nothing


class OpenSelection:
    """The rows of one selection, page by page."""

    def __init__(
        self, stream: RowStream, columns: ColumnMap, forgotten: ForgottenRows | None = None
    ) -> None:
        """Read from a stream whose query was executed, without the rows that were forgotten."""
        self.columns = columns
        self._stream = stream
        self._forgotten = forgotten

    @property
    def left_out(self) -> Sequence[str]:
        """The keys of the first forgotten rows that the query returned."""
        return self._forgotten.left_out if self._forgotten else ()

    def pages(self) -> Iterator[Rows]:
        """Yield the rows in the order of the query, as the driver returned them."""
        if self._forgotten is None:
            yield from self._stream.pages()
            return
        for page in self._stream.pages():
            if kept := self._forgotten.keep_others(page):
                yield kept


@contextmanager
def open_selection(
    reader: SelectionReader, adapter: Adapter, selection: SelectionName
) -> Iterator[OpenSelection]:
    """Run the query of one of an adapter's selections and yield its rows.

    Raises:
        QueryRefused: the adapter's own query is not one harmless SELECT.
        DataError: the database rejects the query, it takes too long, or a required column is
            missing.
    """
    with open_repeatable(reader, adapter, selection) as run:
        yield run()


@contextmanager
def open_repeatable(
    reader: SelectionReader, adapter: Adapter, selection: SelectionName
) -> Iterator[Callable[[], OpenSelection]]:
    """Yield what runs the query, and runs it again once its rows are read, in one transaction.

    Where the engine has snapshots, each reading sees the same data. The errors are those of
    `open_selection`.
    """
    with open_connection(
        reader.database, check=reader.check, timeout_seconds=reader.timeout_seconds
    ) as connection:
        source = find_source(adapter, selection, reader.database.kind, connection.sql_modes)

        def run() -> OpenSelection:
            stream = connection.run(source.sql, source.values)
            columns = map_columns(stream.column_names, selection)
            forgotten = None
            if reader.forgotten is not None:
                name = adapter.adapter_name
                forgotten = ForgottenRows(reader.forgotten, name, selection, columns)
            return OpenSelection(stream, columns, forgotten)

        yield run


def count_first_rows(
    reader: SelectionReader, adapter: Adapter, selection: SelectionName
) -> RowCounts:
    """Count the rows of the first page of a selection; the errors are those above.

    Where all rows were forgotten, those are counted.
    """
    with open_selection(reader, adapter, selection) as opened:
        page = next(opened.pages(), ())
        return RowCounts(selected=len(page), forgotten=len(opened.left_out))
