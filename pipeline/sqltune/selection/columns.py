"""Which column of a query is which field: by name, in any order and case; others are allowed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqltune.errors import DataError
from sqltune.records import SelectionName

#: One column of a page: what the driver gave for each row. Texts are bytes, and so are blobs.
Column = Sequence[Any]

TRAINING_FIELDS = (
    "sample_key",
    "prompt",
    "response",
    "system_prompt",
    "weight",
    "group_key",
    "split",
)
EVALUATION_FIELDS = ("prompt_key", "prompt", "expected", "system_prompt", "category", "scorer")
_REQUIRED = {
    SelectionName.TRAINING: ("prompt", "response"),
    SelectionName.EVALUATION: ("prompt",),
}


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """Where each field of a selection stands in the rows of a query."""

    fields: tuple[str, ...]
    indexes: tuple[int | None, ...]  #: per field; None: the query does not give it

    def gives(self, field: str) -> bool:
        """Whether the query has a column for this field."""
        return self.indexes[self.fields.index(field)] is not None

    def split(self, rows: Sequence[Sequence[Any]]) -> list[Column]:
        """Turn a page of rows into one column per field; what is not given is a column of None."""
        columns = list(zip(*rows, strict=True))
        nothing = (None,) * len(rows)
        return [nothing if index is None else columns[index] for index in self.indexes]


def map_columns(names: Sequence[str], selection: SelectionName) -> ColumnMap:
    """Find the fields of a selection among a query's column names.

    Raises:
        DataError: a column that must be there is missing, or one is there twice.
    """
    is_training = selection is SelectionName.TRAINING
    fields = TRAINING_FIELDS if is_training else EVALUATION_FIELDS
    given = [name.lower() for name in names]
    if not is_training and "prompt_key" not in given:
        given = ["prompt_key" if name == "sample_key" else name for name in given]
    for field in fields:
        _check_column(field, given, selection)
    return ColumnMap(fields, tuple(given.index(f) if f in given else None for f in fields))


def _check_column(field: str, given: Sequence[str], selection: SelectionName) -> None:
    count = given.count(field)
    if count > 1:
        raise DataError(
            f"the {selection.value} query gives {count} columns named {field}: keep one",
            column=field,
            code="ambiguous_column",
        )
    if count == 0 and field in _REQUIRED[selection]:
        raise DataError(
            f"the {selection.value} query gives no column {field}, only {', '.join(given)}: "
            f"name one by AS {field}",
            column=field,
            code="missing_column",
        )
