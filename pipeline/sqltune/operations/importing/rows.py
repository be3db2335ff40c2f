"""Turns the records of a file into rows of a table; what is wrong with one names row and column."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqltune.errors import DataError, TextTooLarge
from sqltune.operations.importing.formats import KNOWN_FORMS, BadRecord, recognise
from sqltune.operations.importing.reading import Record, is_missing, read_records
from sqltune.operations.importing.separated import Form
from sqltune.operations.importing.tables import COLUMNS, Columns, InputTable
from sqltune.selection import Problem, is_blank, read_conversation, unfold

#: The values of one row, by column.
Row = dict[str, Any]

#: How many characters the tables' shorter columns hold.
LONGEST = {"dataset": 191, "group_key": 191, "category": 100, "scorer": 64, "split": 16}
_TEXT_OR_NUMBER = (str, int, float, Decimal, date)
#: What a row with messages says in them.
_IN_MESSAGES = ("prompt", "response", "system_prompt")


def read_rows(
    path: Path,
    form: Form | None,
    table: InputTable,
    mapping: Mapping[str, str],
    require_fitting: Callable[[Row], None],
) -> Iterator[Row | DataError]:
    """Yield the rows of a file, with an error in the place of each that cannot be used.

    Args:
        path: the file; its first row is row 1.
        form: what `find_file_form` found.
        table: where the rows go.
        mapping: new names of the file's columns.
        require_fitting: raises TextTooLarge for a row that the database does not take.

    Raises:
        ConfigError: the file cannot be read, or its kind is unknown.
        DataError: the file lacks a column, or cannot be read from some row on.
    """
    for place, record in read_records(path, form):
        if isinstance(record, DataError):
            yield record
            continue
        if place.row == 1:
            _require_mapped(path, record, mapping)
        try:
            fields = recognise(_rename(record, mapping), table)
            if place.row == 1:
                _require_columns(path, record, fields, table)
            row = _make_row(fields, table)
            require_fitting(row)
        except BadRecord as error:
            yield DataError(f"{place}: {error}", key=str(place.row), column=error.column)
        except TextTooLarge as error:
            yield DataError(f"{place}: {error}", key=str(place.row), code=error.code)
        else:
            yield row


def _require_mapped(path: Path, record: Record, mapping: Mapping[str, str]) -> None:
    missing = [source for source in mapping if source not in record]
    if missing:
        raise DataError(
            f"{path.name} has no column {missing[0]!r}, which --map names (it has: "
            f"{', '.join(record)})",
            column=missing[0],
        )


def _rename(record: Record, mapping: Mapping[str, str]) -> Record:
    renamed = {mapping[name]: value for name, value in record.items() if name in mapping}
    kept = {name: value for name, value in record.items() if name not in mapping}
    if twins := renamed.keys() & kept.keys():
        twin = min(twins)
        raise BadRecord(twin, f"is a column of its own, and --map names another {twin}: keep one")
    return kept | renamed


def _require_columns(path: Path, record: Record, fields: Record, table: InputTable) -> None:
    required = COLUMNS[table].required
    missing = [name for name in required if name not in fields]
    if missing and "messages" not in fields:
        raise DataError(
            f"{path.name} has no column {missing[0]!r} (it has: {', '.join(record)}); "
            f"{table.value} needs {', '.join(required)}, or {KNOWN_FORMS}",
            column=missing[0],
        )


def _make_row(fields: Record, table: InputTable) -> Row:
    columns = COLUMNS[table]
    row: Row = {name: _value(name, fields.get(name)) for name in columns.all}
    row["messages"] = None
    if "weight" in row:
        row["weight"] = _weight(row["weight"])
    if not is_missing(fields.get("messages")):
        return row | _read_messages(fields["messages"], row, table)
    _require_values(row, columns)
    return row


def _require_values(row: Row, columns: Columns) -> None:
    for name in columns.required:
        if row[name] is None or is_blank(row[name]):
            raise BadRecord(name, "is empty; fill it in or remove the row")


def _read_messages(value: Any, row: Row, table: InputTable) -> Row:
    """Return the columns that messages fill: those of a prompt where it is only one turn."""
    also = [name for name in _IN_MESSAGES if row.get(name) is not None]
    if also:
        raise BadRecord(also[0], "is given beside messages; keep one of them")
    read = read_conversation(value, table.selection)
    if isinstance(read, Problem):
        raise BadRecord("messages", read.message.removeprefix("messages "))
    *texts, kept = (None if text is None else text.decode() for text in unfold(read))
    if kept is not None:
        return {"messages": kept}
    return {name: text for name, text in zip(_IN_MESSAGES, texts, strict=True) if name in row}


def _value(name: str, value: object) -> str | None:
    if is_missing(value):
        return None
    if isinstance(value, bool) or not isinstance(value, _TEXT_OR_NUMBER):
        raise BadRecord(name, f"must be a text, got {type(value).__name__}")
    if isinstance(value, float) and math.isinf(value) and name != "weight":
        raise BadRecord(name, f"must be a text, got the number {value}")
    text = str(value)
    fault = _fault(text, LONGEST.get(name))
    if fault is not None:
        raise BadRecord(name, fault)
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


def _weight(value: object) -> float:
    try:
        weight = 1.0 if value is None else float(str(value))
    except ValueError:
        weight = 0.0
    if not 0 < weight < math.inf:
        raise BadRecord("weight", f"must be a number above 0, got {value!r}")
    return weight
