"""Import the rows of a file into our tables.

The whole file is checked before its first row is written, so that a bad row in the middle leaves
nothing half done. Rows are written in short transactions, so that no other INSERT waits for an
import.
"""

from __future__ import annotations

import codecs
import json
import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqltune.database.connection import Database
from sqltune.database.tables import inputs
from sqltune.errors import ConfigError, DataError, PipelineError

#: The values of one row, by column.
Row = dict[str, Any]

#: Rows of one transaction: at most this many, with about this much text.
_ROWS_AT_ONCE = 500
_CHARACTERS_AT_ONCE = 500_000
_ROWS_READ = 10_000
#: How many characters the tables' shorter columns hold.
_LONGEST = {"dataset": 191, "group_key": 191, "category": 100, "scorer": 64, "split": 16}
_TEXT_OR_NUMBER = (str, int, float, Decimal, date)


class InputTable(StrEnum):
    """The tables that a file can be imported into."""

    TRAINING_SAMPLES = "training_samples"
    EVAL_PROMPTS = "eval_prompts"


@dataclass(frozen=True, slots=True)
class _Columns:
    required: tuple[str, ...]
    optional: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        return self.required + self.optional


_COLUMNS = {
    InputTable.TRAINING_SAMPLES: _Columns(
        ("prompt", "response"), ("system_prompt", "weight", "group_key", "split")
    ),
    InputTable.EVAL_PROMPTS: _Columns(
        ("prompt",), ("expected", "system_prompt", "category", "scorer")
    ),
}


def import_file(
    database: Database,
    path: Path,
    table: InputTable,
    dataset: str,
    *,
    on_progress: Callable[[int], None],
) -> int:
    """Insert every row of a CSV, JSONL or Parquet file and return their number.

    Raises:
        ConfigError: the file cannot be read, or its kind is unknown.
        DataError: a row cannot be used; nothing was inserted. Names row, column and cure.
    """
    if not 0 < len(dataset) <= _LONGEST["dataset"]:
        raise ConfigError(
            f"--dataset must have 1 to {_LONGEST['dataset']} characters, got {len(dataset)}"
        )
    for _ in _rows(path, table):
        pass
    inserted = 0
    for batch in _batches(_rows(path, table)):
        _insert(database, table, [{**row, "dataset": dataset} for row in batch])
        inserted += len(batch)
        on_progress(inserted)
    return inserted


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


def _rows(path: Path, table: InputTable) -> Iterator[Row]:
    """Yield the checked rows; the first row of the file is row 1."""
    columns = _COLUMNS[table]
    for number, values in enumerate(_records(path), start=1):
        missing = [name for name in columns.required if name not in values]
        if missing and number == 1:
            raise DataError(
                f"{path.name} has no column {missing[0]!r} (it has: {', '.join(values)}); "
                f"{table.value} needs {', '.join(columns.required)}",
                column=missing[0],
            )
        yield _row(path, number, values, columns)


def _row(path: Path, number: int, values: Row, columns: _Columns) -> Row:
    row: Row = {name: _value(path, number, name, values.get(name)) for name in columns.all}
    for name in columns.required:
        if row[name] is None or not str(row[name]).strip():
            raise _refuse(path, number, name, "is empty; fill it in or remove the row")
    if "weight" in row:
        row["weight"] = _weight(path, number, row["weight"])
    return row


def _value(path: Path, number: int, name: str, value: object) -> str | None:
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool) or not isinstance(value, _TEXT_OR_NUMBER):
        raise _refuse(path, number, name, f"must be a text, got {type(value).__name__}")
    text = str(value)
    fault = _fault(text, _LONGEST.get(name))
    if fault is not None:
        raise _refuse(path, number, name, fault)
    return text


def _fault(text: str, longest: int | None) -> str | None:
    if "\0" in text:
        return "holds a NUL character, which databases do not store as text; remove it"
    if longest is not None and len(text) > longest:
        return f"has {len(text)} characters; the column holds {longest}"
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        return f"holds half of a character (a lone surrogate at position {error.start}); repair it"
    return None


def _weight(path: Path, number: int, value: object) -> float:
    try:
        weight = 1.0 if value is None else float(str(value))
    except ValueError:
        weight = 0.0
    if not 0 < weight < math.inf:
        raise _refuse(path, number, "weight", f"must be a number above 0, got {value!r}")
    return weight


def _refuse(path: Path, number: int, column: str, fault: str) -> DataError:
    return DataError(
        f"row {number} of {path.name}: {column} {fault}", key=str(number), column=column
    )


def _records(path: Path) -> Iterator[Row]:
    """Yield a file's rows with their texts unchanged: no type is guessed."""
    readers: dict[str, Callable[[Path], Iterator[Row]]] = {
        ".csv": _csv_records,
        ".jsonl": _jsonl_records,
        ".ndjson": _jsonl_records,
        ".parquet": _parquet_records,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise ConfigError(f"{path}: only .csv, .jsonl and .parquet files can be imported")
    try:
        for record in reader(path):
            yield {str(name).strip().lower(): value for name, value in record.items()}
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path.name} is not UTF-8: byte {error.start} cannot be read; save it as UTF-8"
        ) from error
    except PipelineError:
        raise
    except ValueError as error:  # pandas and pyarrow derive theirs from it
        raise DataError(f"{path.name} cannot be read: {' '.join(str(error).split())}") from error


def _csv_records(path: Path) -> Iterator[Row]:
    import pandas as pd

    with pd.read_csv(
        path,
        dtype=str,
        keep_default_na=False,
        encoding="utf-8-sig",
        chunksize=_ROWS_READ,
        index_col=False,
    ) as reader:
        while (frame := _next_frame(path, reader)) is not None:
            yield from frame.to_dict("records")


def _next_frame(path: Path, reader: Any) -> Any:
    """Return the next rows; None at the end."""
    from pandas.errors import ParserWarning

    with warnings.catch_warnings():
        warnings.simplefilter("error", ParserWarning)
        try:
            return next(reader, None)
        except ParserWarning:
            # In later rows the parser itself raises an error that names the line.
            raise DataError(
                f"row 1 of {path.name} has more fields than the header has columns: put texts "
                "with a comma in them in double quotes",
                key="1",
            ) from None


def _jsonl_records(path: Path) -> Iterator[Row]:
    """Read line by line: pandas would turn 42 into 42.0 next to a row without a number."""
    place, number = 0, 0
    with path.open("rb") as stream:
        for line in stream:
            content = line.removeprefix(codecs.BOM_UTF8) if place == 0 else line
            if content.strip():
                number += 1
                yield _jsonl_record(path, number, _decode(content, place))
            place += len(line)


def _decode(line: bytes, place: int) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        error.start += place  # in the file, not in the line
        raise


def _jsonl_record(path: Path, number: int, line: str) -> Row:
    try:
        # Numbers stay as they are written: 1e5 stays 1e5.
        record = json.loads(line, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"row {number} of {path.name} is not JSON: {error}", key=str(number)
        ) from None
    if not isinstance(record, dict):
        raise DataError(f"row {number} of {path.name} is not a JSON object", key=str(number))
    return record


def _parquet_records(path: Path) -> Iterator[Row]:
    try:
        import pyarrow.parquet as parquet
    except ImportError:
        raise ConfigError(
            "Parquet files need pyarrow: pip install '.[parquet]' in a clone"
        ) from None
    with parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=_ROWS_READ):
            yield from batch.to_pylist()
