"""Turns the records of a file into rows of a table; what is wrong with one names row and column."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqltune.errors import DataError
from sqltune.operations.importing.formats import KNOWN_FORMS, recognise
from sqltune.operations.importing.reading import Record, read_records
from sqltune.operations.importing.tables import COLUMNS, Columns, InputTable
from sqltune.selection import Problem, read_conversation, unfold

#: The values of one row, by column.
Row = dict[str, Any]

#: How many characters the tables' shorter columns hold.
LONGEST = {"dataset": 191, "group_key": 191, "category": 100, "scorer": 64, "split": 16}
_TEXT_OR_NUMBER = (str, int, float, Decimal, date)
#: What a row with messages says in them.
_IN_MESSAGES = ("prompt", "response", "system_prompt")


def read_rows(
    path: Path, table: InputTable, mapping: Mapping[str, str]
) -> Iterator[Row | DataError]:
    """Yield the rows of a file, with an error in the place of each that cannot be used.

    Args:
        path: the file; its first row is row 1.
        table: where the rows go.
        mapping: new names of the file's columns.

    Raises:
        ConfigError: the file cannot be read, or its kind is unknown.
        DataError: the file lacks a column, or cannot be read from some row on.
    """
    for number, record in enumerate(read_records(path), start=1):
        if isinstance(record, DataError):
            yield record
            continue
        renamed = _rename(path, record, mapping, is_first=number == 1)
        fields = recognise(renamed, table)
        if number == 1:
            _require_columns(path, record, fields, table)
        try:
            yield _make_row(path, number, fields, table)
        except DataError as error:
            yield error


def _rename(path: Path, record: Record, mapping: Mapping[str, str], *, is_first: bool) -> Record:
    missing = [source for source in mapping if source not in record]
    if missing and is_first:
        raise DataError(
            f"{path.name} has no column {missing[0]!r}, which --map names (it has: "
            f"{', '.join(record)})",
            column=missing[0],
        )
    renamed = {mapping[name]: value for name, value in record.items() if name in mapping}
    return {name: v for name, v in record.items() if name not in mapping} | renamed


def _require_columns(path: Path, record: Record, fields: Record, table: InputTable) -> None:
    required = COLUMNS[table].required
    missing = [name for name in required if name not in fields]
    if missing and "messages" not in fields:
        raise DataError(
            f"{path.name} has no column {missing[0]!r} (it has: {', '.join(record)}); "
            f"{table.value} needs {', '.join(required)}, or {KNOWN_FORMS}",
            column=missing[0],
        )


def _make_row(path: Path, number: int, fields: Record, table: InputTable) -> Row:
    columns = COLUMNS[table]
    row: Row = {name: _value(path, number, name, fields.get(name)) for name in columns.all}
    row["messages"] = None
    if "weight" in row:
        row["weight"] = _weight(path, number, row["weight"])
    if not _is_missing(fields.get("messages")):
        return row | _read_messages(path, number, fields["messages"], row, table)
    _require_values(path, number, row, columns)
    return row


def _require_values(path: Path, number: int, row: Row, columns: Columns) -> None:
    for name in columns.required:
        if row[name] is None or not str(row[name]).strip():
            raise _refuse(path, number, name, "is empty; fill it in or remove the row")


def _read_messages(path: Path, number: int, value: Any, row: Row, table: InputTable) -> Row:
    """Return the columns that messages fill: those of a prompt where it is only one turn."""
    also = [name for name in _IN_MESSAGES if row.get(name) is not None]
    if also:
        raise _refuse(path, number, also[0], "is given beside messages; keep one of them")
    read = read_conversation(value, table.selection)
    if isinstance(read, Problem):
        raise DataError(
            f"row {number} of {path.name}: {read.message}", key=str(number), column="messages"
        )
    *texts, kept = (None if text is None else text.decode() for text in unfold(read))
    if kept is not None:
        return {"messages": kept}
    return {name: text for name, text in zip(_IN_MESSAGES, texts, strict=True) if name in row}


def _value(path: Path, number: int, name: str, value: object) -> str | None:
    if _is_missing(value):
        return None
    if isinstance(value, bool) or not isinstance(value, _TEXT_OR_NUMBER):
        raise _refuse(path, number, name, f"must be a text, got {type(value).__name__}")
    text = str(value)
    fault = _fault(text, LONGEST.get(name))
    if fault is not None:
        raise _refuse(path, number, name, fault)
    return text


def _is_missing(value: object) -> bool:
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


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
