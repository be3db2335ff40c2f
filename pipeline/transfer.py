"""Rows from files into our tables, and a version's samples out again.

A file is looked through whole before its first row is written, so that a bad row in the middle
leaves nothing half done. Rows are written in short transactions: somebody else's INSERT never waits
for an import.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.backends.base import Samples
from pipeline.database import inputs, versions
from pipeline.database.connection import Database
from pipeline.errors import ConfigError, DataError
from pipeline.records import Sample
from pipeline.selection import read_samples

if TYPE_CHECKING:
    import pandas as pd

_ROWS_AT_ONCE = 500
_ROWS_READ = 10_000


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
    """Insert every row of a CSV, JSONL or Parquet file and give their number.

    Raises:
        ConfigError: the file cannot be read, or is of a kind that is not known.
        DataError: a row cannot be used; nothing was inserted. Names row, column and cure.
    """
    for _ in _rows(path, table):
        pass
    inserted = 0
    batch: list[dict[str, Any]] = []
    for row in _rows(path, table):
        batch.append({**row, "dataset": dataset})
        if len(batch) >= _ROWS_AT_ONCE:
            inserted += _insert(database, table, batch)
            batch = []
            on_progress(inserted)
    return inserted + _insert(database, table, batch)


def exported_samples(
    database: Database, adapter_name: str, version_number: int | None
) -> Iterator[dict[str, Any]]:
    """Give the samples that a version was trained on, in its manifest's order, as plain objects.

    Raises:
        ConfigError: the adapter has no such version.
    """
    with database.read() as session:
        version = (
            versions.get_latest_version(session, adapter_name)
            if version_number is None
            else versions.get_version(session, adapter_name, version_number)
        )
    if version is None:
        wanted = "no version yet" if version_number is None else f"no version {version_number}"
        raise ConfigError(f"adapter {adapter_name!r} has {wanted}")
    samples: Samples = read_samples(database, version.manifest_id)
    for sample in samples:
        yield _plain(sample)


def _plain(sample: Sample) -> dict[str, Any]:
    values = {name: getattr(sample, name) for name in Sample.__dataclass_fields__}
    return {name: value for name, value in values.items() if value is not None}


def _insert(database: Database, table: InputTable, rows: list[dict[str, Any]]) -> int:
    if rows:
        with database.transaction() as session:
            if table is InputTable.TRAINING_SAMPLES:
                inputs.insert_samples(session, rows)
            else:
                inputs.insert_prompts(session, rows)
    return len(rows)


def _rows(path: Path, table: InputTable) -> Iterator[dict[str, Any]]:
    """Read and check the rows; the first row of the file is row 1."""
    columns = _COLUMNS[table]
    number = 0
    for frame in _frames(path):
        frame.columns = [str(name).strip().lower() for name in frame.columns]
        missing = [name for name in columns.required if name not in frame.columns]
        if missing:
            raise DataError(
                f"{path.name} has no column {missing[0]!r} (it has: {', '.join(frame.columns)}); "
                f"{table.value} needs {', '.join(columns.required)}",
                column=missing[0],
            )
        for values in frame.to_dict("records"):
            number += 1
            yield _row(path, number, values, columns)


def _row(path: Path, number: int, values: dict[Any, Any], columns: _Columns) -> dict[str, Any]:
    row = {name: _value(path, number, name, values.get(name)) for name in columns.all}
    for name in columns.required:
        if row[name] is None or not str(row[name]).strip():
            raise DataError(
                f"row {number} of {path.name}: {name} is empty; fill it in or leave the row out",
                key=str(number),
                column=name,
            )
    if "weight" in row:
        row["weight"] = _weight(path, number, row["weight"])
    return row


def _value(path: Path, number: int, name: str, value: object) -> object:
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return None
    if name == "weight":
        return value
    if not isinstance(value, str):
        value = str(value)
    fault = _fault(value)
    if fault is not None:
        raise DataError(
            f"row {number} of {path.name}: {name} {fault}", key=str(number), column=name
        )
    return value


def _fault(text: str) -> str | None:
    if "\0" in text:
        return "holds a NUL character, which databases do not store as text; remove it"
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
        raise DataError(
            f"row {number} of {path.name}: weight must be a number above 0, got {value!r}",
            key=str(number),
            column="weight",
        )
    return weight


def _frames(path: Path) -> Iterator[pd.DataFrame]:
    """Read a file in parts, texts as they stand: nothing is guessed from them."""
    import pandas as pd

    readers: dict[str, Callable[[Path], Iterator[pd.DataFrame]]] = {
        ".csv": _csv_frames,
        ".jsonl": _jsonl_frames,
        ".ndjson": _jsonl_frames,
        ".parquet": _parquet_frames,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise ConfigError(f"{path.name}: only .csv, .jsonl and .parquet files can be imported")
    try:
        yield from reader(path)
    except FileNotFoundError:
        raise ConfigError(f"there is no file {path}") from None
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path.name} is not UTF-8: byte {error.start} cannot be read; save it as UTF-8"
        ) from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError) as error:
        if isinstance(error, DataError | ConfigError):
            raise
        raise DataError(f"{path.name} cannot be read: {' '.join(str(error).split())}") from error


def _csv_frames(path: Path) -> Iterator[pd.DataFrame]:
    import pandas as pd

    with pd.read_csv(
        path, dtype=str, keep_default_na=False, encoding="utf-8-sig", chunksize=_ROWS_READ
    ) as reader:
        yield from reader


def _jsonl_frames(path: Path) -> Iterator[pd.DataFrame]:
    import pandas as pd

    with pd.read_json(
        path,
        lines=True,
        dtype=False,
        convert_dates=False,
        encoding="utf-8-sig",
        chunksize=_ROWS_READ,
    ) as reader:
        yield from reader


def _parquet_frames(path: Path) -> Iterator[pd.DataFrame]:
    try:
        import pyarrow.parquet as parquet
    except ImportError:
        raise ConfigError("Parquet files need pyarrow: pip install 'sqltune[parquet]'") from None
    with parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=_ROWS_READ):
            yield batch.to_pandas()
