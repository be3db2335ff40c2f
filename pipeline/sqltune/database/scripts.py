"""The SQL files that make the schema: migrations per engine, and views with one text for all
engines.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from sqltune.database.queries import find_sql_folder, strip_comments
from sqltune.database.urls import EngineKind

_FILE_NAME = re.compile(r"(?P<number>\d{4})_(?P<name>[a-z0-9_]+)\.sql")
_VIEW_LINE = re.compile(r"^-- view: (?P<name>[a-z][a-z0-9_]*)\s*$", re.MULTILINE)
_VIEW_COLUMN = re.compile(r" AS (\w+)(?:,\n|$)")
_CREATED_TABLE = re.compile(r"CREATE (?:ROWSTORE )?TABLE (?:IF NOT EXISTS )?(\w+)")


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of `sql/migrations/<engine>/`."""

    number: int
    name: str
    text: str

    @property
    def file_name(self) -> str:
        """The name of the file."""
        return f"{self.number:04d}_{self.name}.sql"

    @property
    def sha256(self) -> str:
        """The hash of the content, in hexadecimal."""
        return hashlib.sha256(self.text.encode("utf-8")).hexdigest()

    @property
    def statements(self) -> list[str]:
        """The statements of the file, in order, without comments."""
        return split_script(self.text)

    @property
    def tables(self) -> list[str]:
        """The tables that this file creates."""
        return _CREATED_TABLE.findall(strip_comments(self.text))


@dataclass(frozen=True, slots=True)
class View:
    """One view: its name and its SELECT."""

    name: str
    select: str

    @property
    def sha256(self) -> str:
        """The hash of the SELECT, in hexadecimal."""
        return hashlib.sha256(self.select.encode("utf-8")).hexdigest()

    @property
    def columns(self) -> list[str]:
        """The columns, in order."""
        listed, _, _ = self.select.partition("\n  FROM ")
        return _VIEW_COLUMN.findall(listed)

    def statements(self, kind: EngineKind, *, exists: bool) -> list[str]:
        """Return what makes the view: not all engines have CREATE OR REPLACE."""
        if not exists:
            return [f"CREATE VIEW {self.name} AS\n{self.select}"]
        if kind is EngineKind.SQLITE:
            return [f"DROP VIEW {self.name}", f"CREATE VIEW {self.name} AS\n{self.select}"]
        return [f"ALTER VIEW {self.name} AS\n{self.select}"]


def read_migrations(kind: EngineKind) -> list[Migration]:
    """Return the migrations of an engine in order; the first makes the ledger."""
    migrations = []
    for path in sorted((find_sql_folder() / "migrations" / kind.value).glob("*.sql")):
        match = _FILE_NAME.fullmatch(path.name)
        if match is not None:
            text = path.read_text("utf-8")
            migrations.append(Migration(int(match["number"]), match["name"], text))
    return migrations


def read_views() -> list[View]:
    """Return the views, in the order of their files and of their places in them."""
    views = []
    for path in sorted((find_sql_folder() / "views").glob("*.sql")):
        parts = _VIEW_LINE.split(path.read_text("utf-8"))
        for name, body in zip(parts[1::2], parts[2::2], strict=True):
            views.append(View(name, strip_comments(body).rstrip().rstrip(";")))
    return views


def split_script(text: str) -> list[str]:
    """Split a file into statements: each ends with `;` at the end of a line."""
    parts = re.split(r";[ \t]*$", strip_comments(text), flags=re.MULTILINE)
    return [part.strip() for part in parts if part.strip()]
