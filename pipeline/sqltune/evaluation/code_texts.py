"""Recognises code and compares it as it is written, blanks aside: SELECT is no DELETE."""

from __future__ import annotations

import re

from sqltune.evaluation.score_limits import MAX_LINEAR_CHARACTERS, check_texts
from sqltune.evaluation.words import trim_text

_SQL = (
    r"(?:SELECT\s|WITH\s+\w+\s+AS\s*\(|INSERT\s+INTO\s|UPDATE\s+\S+\s+SET\s|DELETE\s+FROM\s"
    r"|(?:CREATE|ALTER|DROP|TRUNCATE)\s+(?:TABLE|VIEW|INDEX|DATABASE|SCHEMA|USER)\s)"
)
#: Prose too has words such as select and update: in small letters they need the mark at the end.
_CODE = re.compile(
    rf"{_SQL}|(?i:{_SQL}).*;\Z|```|(?:async )?def \w+\(|from [\w.]+ import \w|#include\s|#!/"
    r"|(?:const|let|var) \w+ = |function \w*\(",
    re.DOTALL,
)
_FENCE = re.compile(r"```[\w+-]*+\n(.*)```", re.DOTALL)


def is_code(text: str) -> bool:
    """Whether a text is SQL, a definition in a few common languages, or in a fence of ```."""
    return _CODE.match(text.strip()) is not None


def score_code(response: str, expected: str) -> float:
    """Return 1 if both texts are the same but for blanks, a fence around it and the last ;.

    Outside of SQL, the lines and the blanks before them count, as they do in Python.
    """
    check_texts(response, expected, longest=MAX_LINEAR_CHARACTERS)
    return float(_plain(response) == _plain(expected))


def _plain(text: str) -> list[str]:
    text = trim_text(text)
    fenced = _FENCE.fullmatch(text)
    bare = trim_text(fenced[1] if fenced else text).removesuffix(";")
    if re.match(_SQL, bare, re.IGNORECASE):
        return bare.split()
    return [_indent(line) + " ".join(line.split()) for line in bare.splitlines() if line.strip()]


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())].expandtabs(4)
