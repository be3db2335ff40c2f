"""Read the report views as DataFrames, with the same types in every engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnClause, Select, column, select, table

from sqltune.database.connection import Session
from sqltune.database.errors import translate_errors
from sqltune.database.tables.reports import ViewColumns, view_columns
from sqltune.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd


def read_view(session: Session, name: str, equals: Mapping[str, object]) -> pd.DataFrame:
    """Return the rows of a view whose columns have the given values.

    Raises:
        ConfigError: there is no such view, or it has no such column.
    """
    views = view_columns()
    if name not in views:
        raise ConfigError(f"there is no view {name!r} (there are: {', '.join(views)})")
    columns = views[name]
    unknown = [key for key in equals if key not in columns.names]
    if unknown:
        raise ConfigError(
            f"{name} has no column {unknown[0]!r} (it has: {', '.join(columns.names)})"
        )
    chosen: list[ColumnClause[Any]] = [column(key) for key in columns.names]
    statement: Select[*tuple[Any, ...]] = select(*chosen).select_from(table(name))
    conditions = [column(key) == value for key, value in equals.items()]
    with translate_errors():
        rows = session.connection.execute(statement.where(*conditions)).fetchall()
    return _make_frame(columns, [tuple(row) for row in rows])


def _make_frame(columns: ViewColumns, rows: list[tuple[object, ...]]) -> pd.DataFrame:
    import pandas as pd

    frame = pd.DataFrame(rows, columns=list(columns.names)).convert_dtypes()
    for name in columns.times:
        frame[name] = pd.to_datetime(frame[name], format="ISO8601").astype("datetime64[us]")
    for name in columns.dates:
        frame[name] = pd.to_datetime(frame[name], format="ISO8601").dt.date
    return frame
