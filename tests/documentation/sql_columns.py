"""The columns of tables and views, as the files of sql/ describe them.

A table's column is described by its COMMENT in the migrations of MySQL, a view's column by the
comment at the end of its line. What has none is described in columns.toml, beside this file; there,
a view's column needs an entry only where the comment of the column it shows does not fit.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import sqlglot
from sqlglot import exp

from sqltune.database.connection import EngineKind
from sqltune.database.queries import find_sql_folder
from sqltune.database.scripts import View, read_migrations, read_views

DESCRIPTIONS = Path(__file__).parent / "columns.toml"
_COLUMN = re.compile(
    r"^    (?P<name>[a-z]\w*)\s+(?P<type>[A-Z]+(?:\([\d,]+\))?)(?P<rest> .*?),?"
    r"(?:\s+-- (?P<note>.*))?$",
    re.MULTILINE,
)
_COMMENT = re.compile(r" COMMENT '(?P<text>(?:[^']|'')*)'")
_DEFAULT = re.compile(r" DEFAULT (?P<value>\([^ ]*\)|'[^']*'|\S+)")
_BLOCK = re.compile(
    r"(?:CREATE TABLE (?:IF NOT EXISTS )?(?P<created>\w+) \(\n"
    r"|ALTER TABLE (?P<altered>\w+) ADD COLUMN\n)(?P<body>.*?);$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table or a view."""

    name: str
    type: str  #: empty in a view
    default: str  #: as a person reads it; empty in a view
    meaning: str


def read_tables() -> dict[str, list[Column]]:
    """Return the columns of every table, in the order of the migrations."""
    return {name: _with_descriptions(name, columns) for name, columns in _read_migrated().items()}


def read_own_comments() -> dict[str, dict[str, str]]:
    """Return the comments that the migrations themselves give, by table and column."""
    return {
        name: {column.name: column.meaning for column in columns if column.meaning}
        for name, columns in _read_migrated().items()
    }


def _read_migrated() -> dict[str, list[Column]]:
    tables: dict[str, list[Column]] = {}
    for migration in read_migrations(EngineKind.MYSQL):
        for block in _BLOCK.finditer(migration.text):
            name = block["created"] or block["altered"]
            tables.setdefault(name, []).extend(_table_columns(block["body"]))
    return tables


def _table_columns(body: str) -> Iterator[Column]:
    for match in _COLUMN.finditer(body):
        comment = _COMMENT.search(match["rest"])
        text = comment["text"].replace("''", "'") if comment else match["note"] or ""
        yield Column(match["name"], match["type"], _default(match["rest"]), text)


def _default(rest: str) -> str:
    """Return what an INSERT that leaves the column out stores."""
    if "AUTO_INCREMENT" in rest:
        return "automatic"
    found = _DEFAULT.search(_COMMENT.sub("", rest))
    if found is None:
        return "required" if " NOT NULL" in rest else "NULL"
    return "now" if "TIMESTAMP" in found["value"] else f"`{found['value'].strip(chr(39))}`"


def read_view_columns() -> dict[str, list[Column]]:
    """Return the columns of every view, in the order of the files."""
    known = {
        name: {column.name: column.meaning for column in columns}
        for name, columns in read_tables().items()
    }
    views: dict[str, list[Column]] = {}
    for view in read_views():
        columns = list(_view_columns(view, known))
        views[view.name] = _with_descriptions("any", columns)
        known[view.name] = {column.name: column.meaning for column in views[view.name]}
    return views


def _view_columns(view: View, known: dict[str, dict[str, str]]) -> Iterator[Column]:
    select = sqlglot.parse_one(view.select, dialect="mysql")
    tables = {t.alias_or_name: t.name for t in _own_tables(select)}
    notes, own = line_comments(view.name), read_descriptions().get(view.name, {})
    for selected in select.expressions:
        name = selected.alias_or_name
        meaning = notes.get(name) or own.get(name) or _inherited(selected, tables, known)
        yield Column(name, "", "", meaning)


def _own_tables(select: exp.Expression) -> Iterator[exp.Table]:
    """Yield the tables of the outermost FROM."""
    for source in [select.args.get("from_") or select.args["from"], *select.args.get("joins", [])]:
        if isinstance(source.this, exp.Table):
            yield source.this


def _inherited(
    selected: exp.Expression, tables: dict[str, str], known: dict[str, dict[str, str]]
) -> str:
    """Return the comment of the one column that the expression shows, else an empty text."""
    shown = selected.unalias()
    is_date = isinstance(shown, exp.Date | exp.TsOrDsToDate)
    while isinstance(shown, exp.Round | exp.Date | exp.Coalesce | exp.TsOrDsToDate):
        shown = shown.this
    if not isinstance(shown, exp.Column):
        return ""
    if is_date:
        return f"the date of `{shown.name}`"
    return known.get(tables.get(shown.table, ""), {}).get(shown.name, "")


def line_comments(view: str) -> dict[str, str]:
    """Return the comments at the ends of a view's lines, by column."""
    for path in sorted((find_sql_folder() / "views").glob("*.sql")):
        parts = re.split(r"^-- view: (\w+)\s*$", path.read_text("utf-8"), flags=re.MULTILINE)
        if view in parts[1::2]:
            body = parts[parts.index(view) + 1]
            return dict(re.findall(r"\bAS (\w+),?\s+-- (.*)$", body, re.MULTILINE))
    return {}


def read_descriptions() -> dict[str, dict[str, str]]:
    """Return columns.toml: the columns that no comment describes, by table or view."""
    return tomllib.loads(DESCRIPTIONS.read_text("utf-8"))


def _with_descriptions(name: str, columns: list[Column]) -> list[Column]:
    """Return the columns; what has no comment takes its description from columns.toml."""
    written = read_descriptions()
    own = written["any"] | written.get(name, {})
    return [replace(c, meaning=c.meaning or own.get(c.name, "")) for c in columns]
