"""The columns of the tables, as the migrations of MySQL describe them.

A column without a COMMENT is described in columns.toml, beside this file; sql/README.md describes
the columns of the views.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from sqltune.database.connection import EngineKind
from sqltune.database.scripts import read_migrations

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
    """One column of a table."""

    name: str
    type: str
    default: str  #: as a person reads it
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


def read_descriptions() -> dict[str, dict[str, str]]:
    """Return columns.toml: the columns that no comment describes, by table."""
    return tomllib.loads(DESCRIPTIONS.read_text("utf-8"))


def _with_descriptions(name: str, columns: list[Column]) -> list[Column]:
    """Return the columns; what has no comment takes its description from columns.toml."""
    written = read_descriptions()
    own = written["any"] | written.get(name, {})
    return [replace(c, meaning=c.meaning or own.get(c.name, "")) for c in columns]
