"""Maps the columns of a query to the fields of a selection: by name, in any order and case.

Columns that are no field are ignored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqltune.errors import DataError
from sqltune.records import SelectionName

#: One column of a page: what the driver returned for each row. Texts are bytes, and so are blobs.
Column = Sequence[Any]

TRAINING_FIELDS = (
    "sample_key",
    "prompt",
    "response",
    "system_prompt",
    "messages",
    "weight",
    "group_key",
    "split",
)
EVALUATION_FIELDS = (
    "prompt_key",
    "prompt",
    "expected",
    "system_prompt",
    "messages",
    "category",
    "scorer",
    "group_key",
)
#: An expected text is read as that of an evaluation prompt is, and ignored.
PREDICTION_FIELDS = ("row_key", *EVALUATION_FIELDS[1:5])
#: The fields of each selection, in the order in which `ColumnMap.split` gives them.
FIELDS = {
    SelectionName.TRAINING: TRAINING_FIELDS,
    SelectionName.EVALUATION: EVALUATION_FIELDS,
    SelectionName.PREDICTION: PREDICTION_FIELDS,
}
#: Where the messages are among the fields of every selection.
MESSAGES = TRAINING_FIELDS.index("messages")
#: Columns that a query must have unless it returns messages.
_REQUIRED = {
    SelectionName.TRAINING: ("prompt", "response"),
    SelectionName.EVALUATION: ("prompt",),
    SelectionName.PREDICTION: ("prompt",),
}


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """Where each field of a selection is found in the rows of a query; the key is the first."""

    fields: tuple[str, ...]
    indexes: tuple[int | None, ...]  #: per field; None: the query has no such column

    def has(self, field: str) -> bool:
        """Whether the query has a column for this field."""
        return self.indexes[self.fields.index(field)] is not None

    def without_key(self) -> ColumnMap:
        """Return the same map without the row's key, which is not content."""
        return ColumnMap(self.fields, (None, *self.indexes[1:]))

    def split(self, rows: Sequence[Sequence[Any]]) -> list[Column]:
        """Turn a page of rows into one column per field; a missing field is a column of None."""
        columns = list(zip(*rows, strict=True))
        missing = (None,) * len(rows)
        return [missing if index is None else columns[index] for index in self.indexes]


def map_columns(names: Sequence[str], selection: SelectionName) -> ColumnMap:
    """Find the fields of a selection among a query's column names.

    Raises:
        DataError: a required column is missing, or a column occurs twice.
    """
    fields = FIELDS[selection]
    given = [name.lower() for name in names]
    if selection is SelectionName.EVALUATION and "prompt_key" not in given:
        given = ["prompt_key" if name == "sample_key" else name for name in given]
    for field in fields:
        _check_column(field, given, selection)
    return ColumnMap(fields, tuple(given.index(f) if f in given else None for f in fields))


def _check_column(field: str, given: Sequence[str], selection: SelectionName) -> None:
    count = given.count(field)
    if count > 1:
        raise DataError(
            f"the {selection.value} query returns {count} columns named {field}: keep one",
            column=field,
            code="ambiguous_column",
        )
    if count == 0 and field == "row_key":
        raise DataError(
            f"the {selection.value} query returns no column row_key, only {', '.join(given)}: "
            "name the one by which its rows are known with AS row_key",
            column=field,
            code="missing_column",
        )
    if count == 0 and field in _REQUIRED[selection] and "messages" not in given:
        raise DataError(
            f"the {selection.value} query returns no column {field}, only {', '.join(given)}: "
            f"name one with AS {field}, or return messages",
            column=field,
            code="missing_column",
        )


def as_text(value: object) -> str:
    """Return a value of a column as text, whether the query returned a text or a number."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
