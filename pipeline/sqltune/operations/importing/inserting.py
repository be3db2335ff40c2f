"""Inserts the rows of a file that are not in the table already.

The whole file is checked before its first row is written, so that a bad row in the middle leaves
nothing half done. Rows are written in short transactions, so that no other INSERT waits for an
import. Contents are compared by their hashes: of texts, no more than a batch is in memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sqltune.database.connection import Database
from sqltune.database.packets import find_limit, require_fitting
from sqltune.database.tables import inputs
from sqltune.errors import ConfigError, DataError
from sqltune.operations.importing.reading import find_file_form
from sqltune.operations.importing.rows import LONGEST, Row, read_rows
from sqltune.operations.importing.separated import Form
from sqltune.operations.importing.tables import InputTable
from sqltune.selection import count_stored_contents, digest_inputs

#: Rows of one transaction: at most this many, with about this much text.
_ROWS_AT_ONCE = 500
_CHARACTERS_AT_ONCE = 500_000
#: Bad rows that are named; further ones are counted.
_NAMED = 50


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of the rows of a file."""

    inserted: int
    known: int  #: the dataset had them already, with the same content
    form: Form | None = field(default=None, compare=False)  #: None: the file's kind says it


def import_file(
    database: Database,
    path: Path,
    table: InputTable,
    dataset: str,
    *,
    mapping: Mapping[str, str],
    on_progress: Callable[[int], None],
) -> Imported:
    """Insert the rows of a file into a dataset, except those that it has already.

    A row that occurs twice in the file is inserted twice: it counts twice in a training. So the
    dataset has each content afterwards at least as often as the file has.

    Args:
        database: where to.
        path: a CSV, TSV, JSONL, JSON or Parquet file.
        table: where to.
        dataset: the dataset of all rows.
        mapping: which column of the file fills which column of the table, where names differ.
        on_progress: called with the number of rows inserted so far.

    Raises:
        ConfigError: the file cannot be read, or its kind is unknown.
        DataError: rows cannot be used; nothing was inserted. Names rows, columns and cures.
    """
    if not 0 < len(dataset) <= LONGEST["dataset"]:
        raise ConfigError(
            f"--dataset must have 1 to {LONGEST['dataset']} characters, got {len(dataset)}"
        )
    form = find_file_form(path)
    require_row = _bound_rows(database)
    _require_good(path, read_rows(path, form, table, mapping, require_row))
    stored = count_stored_contents(database, table.selection, dataset)
    inserted = known = 0
    again = read_rows(path, form, table, mapping, require_row)
    rows = (row for row in again if not isinstance(row, DataError))
    for batch in _batches(rows):
        new = _leave_out(batch, table, stored)
        known += len(batch) - len(new)
        if new:
            _insert(database, table, [{**row, "dataset": dataset} for row in new])
            inserted += len(new)
        on_progress(inserted)
    return Imported(inserted, known, form)


def _bound_rows(database: Database) -> Callable[[Row], None]:
    """Return what raises TextTooLarge for a row that the database does not take."""
    with database.read() as session:
        limit = find_limit(session.connection)
    return lambda row: None if limit is None else require_fitting(row.values(), limit)


def _require_good(path: Path, rows: Iterable[Row | DataError]) -> None:
    """Read all rows; raise an error that names the bad ones."""
    named: list[DataError] = []
    count = 0
    for row in rows:
        if isinstance(row, DataError):
            count += 1
            named += [row] if len(named) < _NAMED else []
    if count == 1:
        raise named[0]
    if count:
        error = DataError(
            f"{count:,} rows of {path.name} cannot be imported, so none was:",
            key=named[0].key,
            column=named[0].column,
        )
        for line in named:
            error.add_note(f"  {line}")
        if count > _NAMED:
            error.add_note(f"  and {count - _NAMED:,} more")
        raise error


def _leave_out(batch: list[Row], table: InputTable, stored: Counter[bytes]) -> list[Row]:
    """Return the rows that the dataset does not have; a stored row counts for one of the file."""
    new = []
    for row, digest in zip(batch, digest_inputs(batch, table.selection), strict=True):
        if stored[digest] > 0:
            stored[digest] -= 1
        else:
            new.append(row)
    return new


def _batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    """Yield rows in batches that one short transaction can store."""
    batch: list[Row] = []
    characters = 0
    for row in rows:
        batch.append(row)
        characters += sum(len(value) for value in row.values() if isinstance(value, str))
        if len(batch) >= _ROWS_AT_ONCE or characters >= _CHARACTERS_AT_ONCE:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _insert(database: Database, table: InputTable, rows: list[Row]) -> None:
    with database.transaction() as session:
        if table is InputTable.TRAINING_SAMPLES:
            inputs.insert_samples(session, rows)
        else:
            inputs.insert_prompts(session, rows)
