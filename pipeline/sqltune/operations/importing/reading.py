"""Reads the records of a file with their texts unchanged: no type is guessed.

A record that cannot be read is yielded as the error that says so, and the others follow: every bad
one is to be named.
"""

from __future__ import annotations

import codecs
import json
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from sqltune.errors import ConfigError, DataError, PipelineError
from sqltune.operations.importing.json_arrays import array_items

#: The values of one record, by the name of its column or field.
Record = dict[str, Any]
#: Records in the order of the file, with an error in the place of each that cannot be read.
Records = Iterator[Record | DataError]

_ROWS_READ = 10_000


def read_records(path: Path) -> Records:
    """Yield the records of a file; names of columns are trimmed and in lower case.

    Raises:
        ConfigError: the file cannot be read, or its kind is unknown.
        DataError: from here on, the file cannot be read.
    """
    readers: dict[str, Callable[[Path], Records]] = {
        ".csv": _csv_records,
        ".json": _json_records,
        ".jsonl": _jsonl_records,
        ".ndjson": _jsonl_records,
        ".parquet": _parquet_records,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise ConfigError(f"{path}: only .csv, .jsonl, .json and .parquet files can be imported")
    try:
        for record in reader(path):
            yield record if isinstance(record, DataError) else _with_plain_names(path, record)
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


def _with_plain_names(path: Path, record: Record) -> Record:
    plain = {str(name).strip().lower(): value for name, value in record.items()}
    if len(plain) < len(record):
        _refuse_twins(path, [*record])
    return plain


def _refuse_twins(path: Path, names: Sequence[object]) -> None:
    """Refuse names that are one name to us; a database does not tell them apart either."""
    counts = Counter(str(name).strip().lower() for name in names)
    twin = next((name for name, count in counts.items() if name and count > 1), None)
    if twin is not None:
        raise DataError(
            f"{path.name} has more than one column {twin!r} (it has: "
            f"{', '.join(map(str, names))}): rename or remove one",
            column=twin,
            code="ambiguous_column",
        )


def _csv_records(path: Path) -> Records:
    import pandas as pd

    how: dict[str, Any] = {"dtype": str, "keep_default_na": False, "encoding": "utf-8-sig"}
    # As a header, pandas would rename the second column of one name.
    header = pd.read_csv(path, header=None, nrows=1, **how)
    _refuse_twins(path, header.iloc[0].tolist())
    with pd.read_csv(path, chunksize=_ROWS_READ, index_col=False, **how) as reader:
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


def _jsonl_records(path: Path) -> Records:
    """Read line by line: pandas would turn 42 into 42.0 next to a row without a number."""
    place, number = 0, 0
    with path.open("rb") as stream:
        for line in stream:
            content = line.removeprefix(codecs.BOM_UTF8) if place == 0 else line
            if content.strip():
                number += 1
                yield _json_record(path, number, _decode(content, place))
            place += len(line)


def _json_records(path: Path) -> Records:
    """Read one list of objects, or an object a line."""
    with path.open(encoding="utf-8-sig") as stream:
        begin = stream.read(1_000).lstrip()
    if not begin.startswith("["):
        yield from _jsonl_records(path)
        return
    with path.open(encoding="utf-8-sig") as stream:
        for number, text in enumerate(array_items(stream), start=1):
            yield _json_record(path, number, text)


def _decode(line: bytes, place: int) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        error.start += place  # in the file, not in the line
        raise


def _json_record(path: Path, number: int, text: str) -> Record | DataError:
    try:
        record = _parse(text)
    except (ValueError, RecursionError) as error:
        return DataError(f"row {number} of {path.name} is not JSON: {error}", key=str(number))
    if not isinstance(record, dict):
        return DataError(f"row {number} of {path.name} is not a JSON object", key=str(number))
    return record


def _parse(text: str) -> Any:
    # Numbers stay as they are written: 1e5 stays 1e5. NaN is pandas' word for a missing value.
    record = json.loads(
        text, parse_int=str, parse_float=str, parse_constant=float, object_pairs_hook=_make_object
    )
    if isinstance(record, dict) and any(isinstance(v, list | dict) for v in record.values()):
        # Inside of conversations, numbers are numbers.
        nested = json.loads(text)
        record |= {k: v for k, v in nested.items() if isinstance(v, list | dict)}
    return record


def _make_object(pairs: list[tuple[str, Any]]) -> Record:
    made = dict(pairs)
    if len(made) < len(pairs):
        twin = next(name for name, count in Counter(n for n, _ in pairs).items() if count > 1)
        raise ValueError(f"an object has the field {twin!r} more than once")
    return made


def _parquet_records(path: Path) -> Records:
    try:
        import pyarrow.parquet as parquet
    except ImportError:
        raise ConfigError(
            "Parquet files need pyarrow: pip install '.[parquet]' in a clone"
        ) from None
    with parquet.ParquetFile(path) as file:
        _refuse_twins(path, file.schema_arrow.names)
        for batch in file.iter_batches(batch_size=_ROWS_READ):
            yield from batch.to_pylist()
