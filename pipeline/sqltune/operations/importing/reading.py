"""Reads the records of a file with their texts unchanged: no type is guessed.

A record that cannot be read is yielded as the error that says so, and the others follow: every bad
one is to be named.
"""

from __future__ import annotations

import codecs
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from sqltune.errors import ConfigError, DataError, PipelineError
from sqltune.operations.importing.json_arrays import array_items
from sqltune.operations.importing.separated import Form, find_form, name_separator, read_lines

#: The values of one record, by the name of its column or field.
Record = dict[str, Any]

_ROWS_READ = 10_000
_SEPARATED = (".csv", ".tsv")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, slots=True)
class RecordPlace:
    """Where a record is: what every message about it begins with."""

    file: str
    row: int
    line: int | None = None  #: where its text begins; None: the file has no lines

    def __str__(self) -> str:
        """Name the row, and the line where an editor finds it."""
        line = "" if self.line is None else f" (line {self.line})"
        return f"row {self.row} of {self.file}{line}"


#: Records in the order of the file, with an error in the place of each that cannot be read.
Records = Iterator[tuple[RecordPlace, Record | DataError]]


def find_file_form(path: Path) -> Form | None:
    """Return how the fields of a file are written; None: it is of a kind that says so itself.

    Raises:
        ConfigError: the file cannot be read.
        DataError: its form is not clear.
    """
    if path.suffix.lower() not in _SEPARATED:
        return None
    with _translate_errors(path):
        return find_form(lambda: _open_text(path))


def read_records(path: Path, form: Form | None) -> Records:
    """Yield the records of a file; names of columns are trimmed and in lower case.

    Args:
        path: the file.
        form: what `find_file_form` found.

    Raises:
        ConfigError: the file cannot be read, or its kind is unknown.
        DataError: from here on, the file cannot be read.
    """
    readers: dict[str, Callable[[Path], Records]] = {
        ".json": _json_records,
        ".jsonl": _jsonl_records,
        ".ndjson": _jsonl_records,
        ".parquet": _parquet_records,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None and form is None:
        raise ConfigError(
            f"{path}: only .csv, .tsv, .jsonl, .json and .parquet files can be imported"
        )
    with _translate_errors(path):
        records = reader(path) if reader else _separated_records(path, form or Form(","))
        for place, record in records:
            yield place, record if isinstance(record, DataError) else _name_plainly(place, record)


@contextmanager
def _translate_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise _describe_encoding(path, error) from error
    except PipelineError:
        raise
    except ValueError as error:  # pyarrow derives its own from it
        raise DataError(f"{path.name} cannot be read: {' '.join(str(error).split())}") from error


def is_missing(value: object) -> bool:
    """Whether a value is none: NaN is pandas' word for that."""
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def _name_plainly(place: RecordPlace, record: Record) -> Record | DataError:
    plain = {str(name).strip().lower(): value for name, value in record.items()}
    return plain if len(plain) == len(record) else _find_twins(str(place), [*record]) or plain


def _find_twins(where: str, names: Sequence[object]) -> DataError | None:
    """Return an error for names that are one to us; a database does not tell them apart either."""
    counts = Counter(str(name).strip().lower() for name in names)
    twin = next((name for name, count in counts.items() if name and count > 1), None)
    if twin is None:
        return None
    return DataError(
        f"{where} has more than one column {twin!r} (it has: {', '.join(map(str, names))}): "
        "rename or remove one",
        column=twin,
        code="ambiguous_column",
    )


def _open_text(path: Path) -> TextIO:
    """Open a text as its byte order mark says, UTF-8 without one; line ends stay as they are."""
    with path.open("rb") as stream:
        begin = stream.read(3)
    encoding = next((name for mark, name in _MARKS if begin.startswith(mark)), "utf-8")
    if encoding == "utf-8" and b"\0" in begin[:2]:
        raise DataError(f"{path.name} seems to be UTF-16 without a byte order mark: {_SAVE}")
    return path.open(encoding=encoding, newline="")


def _describe_encoding(path: Path, error: UnicodeDecodeError) -> DataError:
    """Return where a file stops to be UTF-8; the error counts from where it began to read."""
    if error.encoding not in ("utf-8", "utf-8-sig"):
        return DataError(f"{path.name} is no whole {error.encoding.upper()} file: {_SAVE}")
    begin = 0
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as found:
                place = f"byte {begin + found.start} (line {number})"
                return DataError(f"{path.name} is not UTF-8: {place} cannot be read; {_SAVE}")
            begin += len(line)
    return DataError(f"{path.name} was changed while it was read: import it again")


def _separated_records(path: Path, form: Form) -> Records:
    with _open_text(path) as stream:
        lines = read_lines(stream, form)
        header = next(lines, None)
        if header is None:
            raise ValueError("it has no header")
        if header.fault:
            raise DataError(f"line {header.number} of {path.name}: {header.fault}")
        names = [name or "" for name in header.fields]
        if twins := _find_twins(path.name, names):
            raise twins
        for row, line in enumerate(lines, start=1):
            place = RecordPlace(path.name, row, line.number)
            fault = line.fault or _find_surplus(line.fields, len(names), form.separator)
            yield (
                place,
                DataError(f"{place}: {fault}", key=str(row))
                if fault
                else dict(zip(names, line.fields, strict=False)),
            )


def _find_surplus(fields: Sequence[str | None], width: int, separator: str) -> str | None:
    """Return what is wrong with a record that has texts beyond the last column."""
    if not any(fields[width:]):
        return None
    return (
        f"it has {len(fields)} fields, and the header has {width}, separated by "
        f"{name_separator(separator)}: put texts with one of them in double quotes"
    )


def _jsonl_records(path: Path) -> Records:
    """Read line by line: pandas would turn 42 into 42.0 next to a row without a number."""
    with _open_text(path) as stream:
        row = 0
        for number, line in enumerate(stream, start=1):
            if line.strip():
                row += 1
                place = RecordPlace(path.name, row, number)
                yield place, _json_record(place, line)


def _json_records(path: Path) -> Records:
    """Read one list of objects, or an object a line."""
    with _open_text(path) as stream:
        begin = stream.read(1_000).lstrip()
    if not begin.startswith("["):
        yield from _jsonl_records(path)
        return
    with _open_text(path) as stream:
        for row, text in enumerate(array_items(stream), start=1):
            place = RecordPlace(path.name, row)
            yield place, _json_record(place, text)


def _json_record(place: RecordPlace, text: str) -> Record | DataError:
    try:
        record = _parse(text)
    except (ValueError, RecursionError) as error:
        return DataError(f"{place} is not JSON: {error}", key=str(place.row))
    if not isinstance(record, dict):
        return DataError(f"{place} is not a JSON object", key=str(place.row))
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
        if twins := _find_twins(path.name, file.schema_arrow.names):
            raise twins
        row = 0
        for batch in file.iter_batches(batch_size=_ROWS_READ):
            for record in batch.to_pylist():
                row += 1
                yield RecordPlace(path.name, row), record


_SAVE = "save it as UTF-8"
