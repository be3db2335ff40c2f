"""Read the report views as DataFrames, with the same types in every engine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnClause, Select, column, select, table

from sqltune.database.connection import Session
from sqltune.database.errors import translate_errors
from sqltune.database.queries import find_sql_folder
from sqltune.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

_VIEW = re.compile(r"^-- view: (\w+)\n(.*?);$", re.MULTILINE | re.DOTALL)
_COLUMN = re.compile(r" AS (\w+),?$", re.MULTILINE)
#: Names of columns that hold times; `sql/README.md` states the rule.
_TIME = re.compile(r"\w+_(at|since|until)")


@cache
def view_columns() -> Mapping[str, tuple[str, ...]]:
    """Return the columns of every report view, in their order."""
    found = {}
    for path in sorted((find_sql_folder() / "views").glob("*.sql")):
        for name, body in _VIEW.findall(path.read_text("utf-8")):
            outermost = body.split("\n  FROM ")[0]
            found[name] = tuple(_COLUMN.findall(outermost))
    return found


def is_time(name: str) -> bool:
    """Whether a column of this name holds times."""
    return _TIME.fullmatch(name) is not None


def is_date(name: str) -> bool:
    """Whether a column of this name holds dates."""
    return name.endswith("_date")


def read_view(session: Session, name: str, equals: Mapping[str, object]) -> pd.DataFrame:
    """Return the rows of a view whose columns have the given values.

    Raises:
        ConfigError: there is no such view, or it has no such column.
    """
    columns = view_columns().get(name)
    if columns is None:
        raise ConfigError(f"there is no view {name!r} (there are: {', '.join(view_columns())})")
    unknown = [key for key in equals if key not in columns]
    if unknown:
        raise ConfigError(f"{name} has no column {unknown[0]!r} (it has: {', '.join(columns)})")
    conditions = [column(key) == value for key, value in equals.items()]
    chosen: list[ColumnClause[Any]] = [column(key) for key in columns]
    statement: Select[*tuple[Any, ...]] = select(*chosen).select_from(table(name))
    with translate_errors():
        rows = session.connection.execute(statement.where(*conditions)).fetchall()
    return _make_frame(columns, [tuple(row) for row in rows])


def _make_frame(columns: tuple[str, ...], rows: list[tuple[object, ...]]) -> pd.DataFrame:
    import pandas as pd

    frame = pd.DataFrame(rows, columns=list(columns)).convert_dtypes()
    for name in columns:
        if is_time(name):
            times = pd.to_datetime(frame[name], format="ISO8601")
            frame[name] = times.astype("datetime64[us]")
        elif is_date(name):
            frame[name] = pd.to_datetime(frame[name], format="ISO8601").dt.date
    return frame
