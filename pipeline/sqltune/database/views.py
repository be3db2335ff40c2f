"""Read the report views as DataFrames, with the same types in every engine."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnClause, Select, column, select, table

from sqltune.database.connection import Session
from sqltune.database.errors import translate_errors
from sqltune.database.tables.reports import ViewColumns, view_columns
from sqltune.database.times import format_time
from sqltune.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

#: Columns of numbers with a fraction, and of whole numbers, flags among them; others are texts.
#: Engines do not agree on the types of computed columns, and an empty column has none.
_FRACTIONS = re.compile(
    r"cost_usd|epoch|learning_rate|weight|(\w+_)?loss|(\w+_)?seconds|latency_ms(_\w+)?|"
    r"pass_(rate_\w+|threshold)|score(_\w+)?"
)
_WHOLE = re.compile(
    r"(?!external)\w+_(id|number|count|rank|order|bytes|runs|tokens)|(is|prompts|samples)_\w+|"
    r"before_is_base|(passed|steps?|tokens)(_\w+)?|epochs|position"
)

_HALF = re.compile("[\ud800-\udfff]")


def read_view(session: Session, name: str, equals: Mapping[str, object]) -> pd.DataFrame:
    """Return the rows of a view whose columns have the given values.

    Raises:
        ConfigError: there is no such view, it has no such column, or a value is of another type
            than a database has.
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
    conditions = [column(key) == _value(session, key, each) for key, each in equals.items()]
    with translate_errors():
        rows = session.connection.execute(statement.where(*conditions)).fetchall()
    return _make_frame(columns, [tuple(row) for row in rows])


def _value(session: Session, name: str, given: object) -> object:
    """Return a value that people take from a DataFrame as the driver understands it."""
    # Numpy's and pandas' scalars have a method that returns Python's.
    unwrap = getattr(given, "to_pydatetime", None) or getattr(given, "item", None)
    value = unwrap() if callable(unwrap) and not isinstance(given, type) else given
    if value is None or _is_missing(value):
        return None
    if isinstance(value, datetime):
        value = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        is_text = session.connection.dialect.name == "sqlite"
        return format_time(value) if is_text else value
    if isinstance(value, date):
        return value.isoformat()
    if not isinstance(value, str | int | float | Decimal):
        raise ConfigError(
            f"{name} is compared with a {type(given).__name__}, and a column has one text, number "
            "or time: read the view without it and select in the DataFrame"
        )
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ConfigError(f"{name} is compared with {value}, and a column has 64 bits")
    if isinstance(value, float | Decimal) and not math.isfinite(value):
        raise ConfigError(f"{name} is compared with {value}, which no column has")
    if isinstance(value, str) and _HALF.search(value):
        raise ConfigError(f"{name} is compared with {value!r}, which has half of a character")
    return value


def _is_missing(value: object) -> bool:
    is_nan = isinstance(value, float) and math.isnan(value)
    return is_nan or type(value).__name__ in ("NAType", "NaTType")


def _make_frame(columns: ViewColumns, rows: list[tuple[object, ...]]) -> pd.DataFrame:
    import pandas as pd

    frame = pd.DataFrame(rows, columns=list(columns.names), dtype=object)
    for name in columns.names:
        if name in columns.times:
            frame[name] = pd.to_datetime(frame[name], format="ISO8601").astype("datetime64[us]")
        elif name in columns.dates:
            frame[name] = pd.to_datetime(frame[name], format="ISO8601").dt.date
        elif _FRACTIONS.fullmatch(name):
            frame[name] = frame[name].map(_as_float).astype("Float64")
        else:
            frame[name] = frame[name].astype("Int64" if _WHOLE.fullmatch(name) else "string")
    return frame


def _as_float(value: Any) -> float | None:
    return None if value is None else float(value)
