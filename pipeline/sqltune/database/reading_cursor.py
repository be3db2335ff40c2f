"""A cursor of a selection: what it can do, on every engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: A page ends with the rows by which it has so many bytes, however many were asked for: they are in
#: memory, and nothing asks whether to stop until all of them are checked.
MOST_PAGE_BYTES = 1_000_000
#: Not one: reading a single row of a lost connection is an IndexError in singlestoredb's C code.
_FEW_ROWS = 2
_CONTROLS = frozenset(range(0x20)) - set(b"\t\n\f\r") | {0x7F}
_CONTROL_BYTES = bytes(_CONTROLS)


@dataclass(frozen=True, slots=True)
class BinaryValue:
    """A value of a binary column that is no text, so that it is not taken for one."""

    value: bytes

    def __repr__(self) -> str:
        return f"x'{self.value.hex()}'"

    def __str__(self) -> str:
        return repr(self)


@dataclass(frozen=True, slots=True)
class ReadingCursor:
    """A cursor on a separate connection, and the ways to end it.

    A text is the bytes that the database has, and so is a binary value that reads as a text; any
    other binary value is a BinaryValue.
    """

    execute: Callable[[str, Mapping[str, object]], None]
    #: At most about so many rows, of MOST_PAGE_BYTES and two rows more; none at the end.
    fetch: Callable[[int], list[tuple[Any, ...]]]
    column_names: Callable[[], list[str]]
    abort: Callable[[], str]  #: stops a running statement, from another thread; what remains of it
    close: Callable[[], None]  #: also in the middle of a result
    sql_modes: frozenset[str] = frozenset()  #: the session's, in upper case


def fetch_page(
    fetch_rows: Callable[[int], Sequence[tuple[Any, ...]]], row_count: int
) -> list[tuple[Any, ...]]:
    """Return the next rows, about as many as are asked for and as fit into a page."""
    page: list[tuple[Any, ...]] = []
    size = 0
    while len(page) < row_count and size < MOST_PAGE_BYTES and (rows := fetch_rows(_FEW_ROWS)):
        page += rows
        for row in rows:
            for value in row:
                if type(value) is bytes:
                    size += len(value)
    return page


def read_binary(value: bytes) -> bytes | BinaryValue:
    """Return a binary value as the text that a client shows, or marked as none.

    An expression is of a binary type where a part of it is, for instance in MySQL
    CONCAT(title, CHAR(10), body), and holds a text all the same.
    """
    if len(value.translate(None, _CONTROL_BYTES)) < len(value):
        return BinaryValue(value)
    try:
        value.decode()
    except UnicodeDecodeError:
        return BinaryValue(value)
    return value
