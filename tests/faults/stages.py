"""Where a case is played: a database and a folder, which can be restored."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import inspect, text

from sqltune.database.connection import Database

Rows = dict[str, list[dict[str, Any]]]
#: Made by `init`, the same in every case.
_NOT_OURS = frozenset({"schema_migrations", "schema_views"})


class Stage(Protocol):
    """A database and the folder in which the command works."""

    url: str
    folder: Path
    is_server: bool

    def save(self, place: Path) -> object:
        """Save how everything is now; `place` is a folder that does not exist yet."""
        ...

    def restore(self, saved: Any) -> None:
        """Make everything as it was when it was saved."""
        ...


class SqliteStage:
    """The database is a file in the folder: both are copied together."""

    is_server = False

    def __init__(self, template: Path, folder: Path) -> None:
        _make_empty(folder)
        shutil.copyfile(template, folder / "sqltune.db")
        self.folder = folder
        self.url = f"sqlite:///{folder}/sqltune.db"

    def save(self, place: Path) -> Path:
        """Copy the folder."""
        shutil.copytree(self.folder, place)
        return place

    def restore(self, saved: Path) -> None:
        """Copy it back."""
        shutil.rmtree(self.folder)
        shutil.copytree(saved, self.folder)


@dataclass(frozen=True)
class _Saved:
    place: Path
    rows: Rows


class ServerStage:
    """The rows of a server's database are read and written back."""

    is_server = True

    def __init__(self, url: str, folder: Path) -> None:
        _make_empty(folder)
        self.folder = folder
        self.url = url
        self._database = Database.open(url)
        self._tables = find_tables(self._database)

    def save(self, place: Path) -> _Saved:
        """Copy the folder, and read all rows."""
        shutil.copytree(self.folder, place)
        return _Saved(place, read_rows(self._database, self._tables))

    def restore(self, saved: _Saved) -> None:
        """Copy the folder back, and write all rows again."""
        shutil.rmtree(self.folder)
        shutil.copytree(saved.place, self.folder)
        with self._database.transaction() as session:
            for table in sorted(self._tables):
                session.connection.execute(text(f"DELETE FROM {table}"))
                if rows := saved.rows[table]:
                    columns = list(rows[0])
                    places = ", ".join(f":{column}" for column in columns)
                    insert = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"
                    session.connection.execute(text(insert), rows)

    def close(self) -> None:
        """Close the connections."""
        self._database.close()


def _make_empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()


def read_rows(database: Database, tables: frozenset[str]) -> Rows:
    """Return all rows of these tables."""
    with database.read() as session:
        return {
            table: [
                dict(row)
                for row in session.connection.execute(text(f"SELECT * FROM {table}")).mappings()
            ]
            for table in sorted(tables)
        }


def read_all(database: Database) -> Rows:
    """Return every row of every table of ours."""
    return read_rows(database, find_tables(database))


@cache
def find_tables(database: Database) -> frozenset[str]:
    """Return the tables that a run may write."""
    with database.engine.connect() as connection:
        return frozenset(inspect(connection).get_table_names()) - _NOT_OURS
