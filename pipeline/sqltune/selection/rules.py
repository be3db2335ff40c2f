"""The rules that a single value must satisfy to be trained on or asked, with their messages.

The `clean_*` functions check a whole column of a page at once and are fast; where one returns
False, the `*_problem` functions check the rows one by one and return what is wrong. No value of a
column that `clean_*` accepts has a problem, which a property test verifies.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqltune.database.reading_cursor import BinaryValue
from sqltune.selection.columns import Column
from sqltune.selection.scorer_names import is_sql_scorer

#: Longest key, group and split that the tables can store, in characters.
KEY_CHARACTERS = 191
_NUMBERS = (int, float)
#: What the first byte of a text is where nothing in it may be seen.
_STARTS_UNSEEN = re.compile(rb"[^!-~]|\Z").match
_UNSEEN_CATEGORIES = frozenset({"Cc", "Cf", "Zl", "Zp", "Zs"})
#: Letters, marks and symbols that show nothing alone.
_FILLERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | frozenset(
    map(chr, range(0xFE00, 0xFE10))
)
#: Bytes of a text in which something is mostly seen.
_BEGINNING_BYTES = 64


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one value."""

    rule: str
    message: str  #: names the column and the remedy


def clean_text(column: Column, *, required: bool) -> bool:
    """Whether every value is UTF-8 without NUL; with `required` also none is missing or blank."""
    types = set(map(type, column))
    if types == {type(None)}:
        return not required
    if types != {bytes}:
        if required or types != {bytes, type(None)}:
            return False
        column = [text for text in column if text is not None]
    if required and any(map(_is_blank, filter(_STARTS_UNSEEN, column))):
        return False
    # An ASCII byte is never part of a longer character: joined by it, the values are UTF-8 exactly
    # if each of them is.
    joined = b"\n".join(column)
    return b"\x00" not in joined and _is_utf8(joined)


def clean_labels(column: Column, *, required: bool) -> bool:
    """Whether every value is a short text or an integer."""
    if set(map(type, column)) == {int}:
        return True
    if not clean_text(column, required=required):
        return False
    return max((len(text) for text in column if text is not None), default=0) <= KEY_CHARACTERS


def clean_keys(column: Column, *, required: bool) -> bool:
    """Whether every value is a label that all engines compare in the same way."""
    if set(map(type, column)) == {int}:
        return True
    return clean_labels(column, required=required) and not any(
        key.endswith(b" ") for key in column if key is not None
    )


def clean_weights(column: Column) -> bool:
    """Whether every weight is a finite number above 0; NULL means 1."""
    types = set(map(type, column))
    if types == {type(None)}:
        return True
    return types == {float} and all(map(math.isfinite, column)) and min(column) > 0


def is_blank(text: str) -> bool:
    """Whether a text shows nothing: it has only white space, control characters and fillers."""
    return all(
        unicodedata.category(each) in _UNSEEN_CATEGORIES or each in _FILLERS for each in text
    )


def text_problem(name: str, value: Any, *, required: bool) -> Problem | None:
    """Return what is wrong with a text; None: nothing."""
    if value is None:
        return Problem("missing", f"{name} is NULL: {_LEAVE_OUT}") if required else None
    if not isinstance(value, bytes):
        return Problem(
            "not_text", f"{name} is {describe(value)}, not text: {_TO_TEXT.get(type(value), _CAST)}"
        )
    if required and _is_blank(value):
        what = "empty" if not value else "only whitespace"
        return Problem("empty", f"{name} is {what}: {_LEAVE_OUT}")
    if (position := value.find(b"\x00")) >= 0:
        return Problem("nul", f"{name} contains a NUL character at byte {position}: remove it")
    return _encoding_problem(name, value)


def label_problem(
    name: str, value: Any, *, required: bool = False, longest: int = KEY_CHARACTERS
) -> Problem | None:
    """Return what is wrong with a group or a category; None: nothing."""
    if isinstance(value, int):
        return None
    problem = text_problem(name, value, required=required)
    if problem is not None or value is None:
        return problem
    if (characters := len(value.decode())) > longest:
        return Problem(
            "label_too_long",
            f"{name} has {characters} characters, but at most {longest} are allowed: shorten it",
        )
    return None


def key_problem(name: str, value: Any, *, required: bool) -> Problem | None:
    """Return what is wrong with a row's own key; None: nothing."""
    problem = label_problem(name, value, required=required)
    if problem is None and isinstance(value, bytes) and value.endswith(b" "):
        return Problem(
            "key_padded", f"{name} ends with a space, which engines compare differently: TRIM it"
        )
    return problem


def weight_problem(value: Any) -> Problem | None:
    """Return what is wrong with a weight; None: nothing."""
    if value is None:
        return None
    number = as_weight(value)
    if number is not None and math.isfinite(number) and number > 0:
        return None
    shown = value.decode("utf-8", "replace")[:40] if isinstance(value, bytes) else repr(value)
    return Problem("bad_weight", f"weight is {shown}: it must be a number above 0; NULL means 1")


def scorer_problem(value: Any, known: Collection[str] | None) -> Problem | None:
    """Return what is wrong with a prompt's own scorer; None: nothing.

    Args:
        value: the scorer's name; None: the adapter's scorer is used.
        known: names that are allowed; None: any.
    """
    problem = label_problem("scorer", value, longest=64)
    if problem is not None or value is None or known is None:
        return problem
    name = value.decode() if isinstance(value, bytes) else str(value)
    if name in known or is_sql_scorer(name):
        return None
    return Problem(
        "unknown_scorer",
        f"scorer {name!r} is unknown: use one of {', '.join(sorted(known))}, or sql: with the name "
        "of a view",
    )


def as_weight(value: Any) -> float | None:
    """Return a weight as a double, 1 for NULL; None if it is not a number."""
    if value is None:
        return 1.0
    if not isinstance(value, _NUMBERS):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf


def describe(value: Any) -> str:
    """Return a value's type and the beginning of the value."""
    names = {int: "the number", float: "the number", BinaryValue: "the binary value"}
    return f"{names.get(type(value), type(value).__name__)} {str(value)[:40]}"


def _is_blank(text: bytes) -> bool:
    begin = text[:_BEGINNING_BYTES].decode("utf-8", "ignore")
    return is_blank(begin) and is_blank(text.decode("utf-8", "replace"))


def _is_utf8(text: bytes) -> bool:
    if text.isascii():
        return True
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _encoding_problem(name: str, value: bytes) -> Problem | None:
    try:
        value.decode()
    except UnicodeDecodeError as error:
        where = f"at byte {error.start} (0x{value[error.start]:02x})"
    else:
        return None
    try:
        value.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return Problem("undecodable", f"{name} is not valid UTF-8 {where}: store it as UTF-8")
    return Problem(
        "lone_surrogate",
        f"{name} contains half of a UTF-16 pair {where}: store the whole character",
    )


_CAST = "CAST it to CHAR in the query"
#: How a query makes a text of what CAST makes none of.
_TO_TEXT = {
    int: f"{_CAST}, a BIT with + 0: CAST(name + 0 AS CHAR)",
    BinaryValue: "HEX it in the query, or CONVERT it from the character set that it has",
}
_LEAVE_OUT = "fill it in, or leave the row out of the query"
#: Of a row of a query that may return both forms.
NOTHING_GIVEN = Problem(
    "missing",
    "prompt and messages are both NULL: give one of them, or leave the row out of the query",
)
