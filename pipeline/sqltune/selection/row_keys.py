"""Keeps the keys of a million rows in a few bytes each."""

from __future__ import annotations

from array import array
from collections.abc import Iterable


class RowKeys:
    """The keys of rows in their order, one behind the other in one text."""

    def __init__(self) -> None:
        """Begin without any."""
        self._text = bytearray()
        self._ends = array("Q", [0])

    def __len__(self) -> int:
        """Return the number of keys."""
        return len(self._ends) - 1

    def __getitem__(self, index: int) -> str:
        """Return the key of the row that was added as number `index`, from 0."""
        return self._text[self._ends[index] : self._ends[index + 1]].decode()

    def name_apart(self, pairs: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
        """Return the pairs of rows whose keys differ: a repeated key is an error of its own."""
        return [(row, other) for row, other in pairs if self[row] != self[other]]

    def add(self, keys: Iterable[bytes]) -> None:
        """Add the keys of the next rows."""
        for key in keys:
            self._text += key
            self._ends.append(len(self._text))
