"""Databases for tests: a fresh one for each test, cheaply, on every engine.

A migrated SQLite database is a copied file; on a server one database per driver is emptied after
each test, and made again when a test changed tables of ours.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from sqlalchemy import inspect

from sqltune.database import migrations
from sqltune.database.connection import Database
from sqltune.errors import DatabaseError
from tests.singlestore_on_mariadb import open_database

MIGRATED_AT = datetime(2026, 11, 23, 6, 0)
#: How long emptying waits for a transaction that a test left open.
_PATIENCE_SECONDS = 3


@dataclass
class ServerDatabases:
    """Databases on one server through one driver."""

    address: Callable[[str], str]  #: a database's name to its URL
    execute: Callable[[str], object]  #: runs CREATE DATABASE and DROP DATABASE
    open: Callable[..., Database]
    prefix: str
    made: int = 0
    migrated: str | None = None
    tables: frozenset[str] = field(default_factory=frozenset)

    def make_empty(self) -> str:
        """Return the name of a new database without tables."""
        self.made += 1
        name = f"{self.prefix}_{self.made}"
        self.execute(f"CREATE DATABASE {name}")
        return name

    def make_migrated(self) -> str:
        """Return the name of a database with all tables and no rows."""
        if self.migrated is None:
            name = self.make_empty()
            database = self.open(self.address(name))
            migrations.apply(database, now=lambda: MIGRATED_AT)
            self.tables = _names(database)
            database.close()
            self.migrated = name
        return self.migrated

    def give_back(self, name: str) -> None:
        """Take a database after its test: emptied, or dropped where that is not enough."""
        if name == self.migrated and not self._is_emptied(name):
            self.migrated = None
        if name != self.migrated:
            self.execute(f"DROP DATABASE {name}")

    def _is_emptied(self, name: str) -> bool:
        database = self.open(self.address(name), lock_wait_seconds=_PATIENCE_SECONDS)
        try:
            if not _names(database) >= self.tables or migrations.pending(database):
                return False
            for view in _names(database, "get_view_names") - self.tables:
                _run(database, f"DROP VIEW {view}")
            for table in _names(database, "get_table_names") - self.tables:
                _run(database, f"DROP TABLE {table}")
            for table in _tables_with_rows(database):
                _run(database, f"TRUNCATE TABLE {table}")
        except DatabaseError:
            return False
        finally:
            database.close()
        return True


def real_singlestore(url: str) -> ServerDatabases:
    """Return databases on a real SingleStore server; `url` may name any database of it."""
    parts = urlsplit(url)

    def address(name: str) -> str:
        return urlunsplit(parts._replace(path=f"/{name}"))

    def execute(statement: str) -> None:
        database = Database.open(url)
        _run(database, statement)
        database.close()

    return ServerDatabases(address, execute, Database.open, "sqltune_test")


def make_sqlite_template(folder: Path) -> Path:
    """Make a migrated SQLite database to copy from."""
    path = folder / "template.db"
    database = open_database(f"sqlite:///{path}")
    migrations.apply(database, now=lambda: MIGRATED_AT)
    database.close()
    return path


def copy_sqlite(template: Path, folder: Path) -> str:
    """Return the URL of a copy of a SQLite database."""
    path = folder / "sqltune.db"
    shutil.copyfile(template, path)
    return f"sqlite:///{path}"


def _names(database: Database, *kinds: str) -> frozenset[str]:
    with database.engine.connect() as connection:
        inspector = inspect(connection)
        names = [
            getattr(inspector, kind)() for kind in kinds or ("get_table_names", "get_view_names")
        ]
        return frozenset(name for some in names for name in some)


def _tables_with_rows(database: Database) -> list[str]:
    with database.engine.connect() as connection:
        tables = set(inspect(connection).get_table_names())
        probes = [
            f"(SELECT '{table}' FROM {table} LIMIT 1)"
            for table in sorted(tables - {"schema_migrations", "schema_views"})
        ]
        return [row[0] for row in connection.exec_driver_sql(" UNION ALL ".join(probes))]


def _run(database: Database, statement: str) -> None:
    with database.transaction() as session:
        session.connection.exec_driver_sql(statement)
