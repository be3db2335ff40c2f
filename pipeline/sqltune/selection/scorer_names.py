"""The names of scorers in SQL: 'sql:' and the name of a view, such as 'sql:shop.my_scores'."""

from __future__ import annotations

import re

_PREFIX = "sql:"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*(?:\.[A-Za-z_][A-Za-z0-9_$]*)?")


def is_sql_scorer(name: str) -> bool:
    """Whether a scorer's name is that of a view."""
    return name.startswith(_PREFIX) and _NAME.fullmatch(name, len(_PREFIX)) is not None


def view_of(scorer: str) -> str:
    """Return the name of the view of a scorer in SQL."""
    return scorer[len(_PREFIX) :]
