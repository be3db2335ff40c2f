"""How the guard reads a query: as the server does in the sql_mode of the session."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from sqltune.database.connection import EngineKind

if TYPE_CHECKING:
    from sqlglot import Dialect

    DialectName = str | type[Dialect]

#: The modes on which it depends where a text or a name ends.
#: https://dev.mysql.com/doc/refman/8.4/en/sql-mode.html and, of MariaDB,
#: https://mariadb.com/kb/en/sql_mode
_ANSI_QUOTES, _NO_BACKSLASH_ESCAPES, _MSSQL = "ANSI_QUOTES", "NO_BACKSLASH_ESCAPES", "MSSQL"


def find_dialect(kind: EngineKind, sql_modes: frozenset[str]) -> DialectName:
    """Return the dialect of sqlglot that reads quotes as the session does."""
    relevant = sql_modes & {_ANSI_QUOTES, _NO_BACKSLASH_ESCAPES, _MSSQL}
    return _make_dialect(kind, relevant) if relevant else kind.value


@cache
def _make_dialect(kind: EngineKind, sql_modes: frozenset[str]) -> type[Dialect]:
    from sqlglot import Dialect

    base = Dialect.get_or_raise(kind.value)
    own: Any = base.tokenizer_class
    quotes: dict[str, list[Any]] = {}
    if _ANSI_QUOTES in sql_modes:
        quotes |= {"QUOTES": ["'"], "IDENTIFIERS": ["`", '"']}
    if _MSSQL in sql_modes:
        quotes["IDENTIFIERS"] = [*quotes.get("IDENTIFIERS", own.IDENTIFIERS), ("[", "]")]
    if _NO_BACKSLASH_ESCAPES in sql_modes:
        quotes["STRING_ESCAPES"] = [mark for mark in own.STRING_ESCAPES if mark != "\\"]
    tokenizer = type(own)("Tokenizer", (own,), quotes)
    name = "_".join([kind.value, *sorted(sql_modes)]).lower()
    make_class: Any = type(type(base))
    dialect: type[Dialect] = make_class(name, (type(base),), {"Tokenizer": tokenizer})
    return dialect
