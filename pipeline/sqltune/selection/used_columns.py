"""Which optional columns of a selection have an effect, so that one that is gone is noticed.

A column is used if a row has a value in it other than the one that changes nothing. A query that
returns `NULL AS split` therefore uses no split, and says so where everybody reads it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqltune.records import SelectionName
from sqltune.selection.columns import Column, ColumnMap

#: The columns whose loss changes what is trained or how it is judged, and no row shows it.
_WATCHED = {
    SelectionName.TRAINING: ("split", "weight", "group_key", "system_prompt", "messages"),
    SelectionName.EVALUATION: (
        *("expected", "system_prompt", "messages", "category", "scorer", "group_key"),
    ),
}
#: Values besides NULL that change nothing.
_NEUTRAL: Mapping[str, tuple[Any, ...]] = {"split": (b"train",), "weight": (1,)}


@dataclass(frozen=True, slots=True)
class SelectionColumns:
    """The optional columns of one reading of a selection."""

    given: frozenset[str]  #: those that the query returns
    used: tuple[str, ...]  #: those of them that have an effect

    def find_gone(self, used_before: Iterable[str]) -> list[str]:
        """Return the columns that an earlier selection used and that this query lacks."""
        return [name for name in used_before if name not in self.given]


class ColumnWatch:
    """Finds the columns that are used, page by page."""

    def __init__(self, selection: SelectionName) -> None:
        """Watch the optional columns of a selection, once `open` says which there are."""
        self._watched = _WATCHED[selection]
        self._places: dict[str, int] = {}
        self._unused: set[str] = set()

    def open(self, columns: ColumnMap) -> None:
        """Watch the columns that a query returns."""
        names = [name for name in self._watched if columns.has(name)]
        self._places = {name: columns.fields.index(name) for name in names}
        self._unused = set(names)

    def add(self, fields: Sequence[Column]) -> None:
        """Note the columns that a page of rows uses."""
        self._unused -= {n for n in self._unused if _has_effect(n, fields[self._places[n]])}

    @property
    def result(self) -> SelectionColumns:
        """What was found so far."""
        used = tuple(name for name in self._places if name not in self._unused)
        return SelectionColumns(frozenset(self._places), used)


def join_names(names: Collection[str]) -> str:
    """Return columns as the tables store them; `split_names` reads them back."""
    return ",".join(names)


def split_names(text: str) -> list[str]:
    """Return the columns that `join_names` joined."""
    return [name for name in text.split(",") if name]


def _has_effect(name: str, column: Column) -> bool:
    neutral = sum(map(column.count, (None, *_NEUTRAL.get(name, ()))))
    return neutral < len(column)
