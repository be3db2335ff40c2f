"""Migrations and views: plain SQL files, applied in order and recorded in a ledger.

DDL commits by itself on the MySQL family, so the ledger says `applying` before a file and `applied`
after it. A file found `applying` is run again, and what exists already counts as done. An edited
file that was applied is an error.
"""

from __future__ import annotations

import getpass
import socket
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import inspect

from pipeline.database.connection import Database, Session
from pipeline.database.errors import translate_errors
from pipeline.database.scripts import Migration, View, read_migrations, read_views
from pipeline.database.times import format_time
from pipeline.errors import (
    DatabaseError,
    DatabaseUnavailable,
    MigrationChanged,
    SchemaOutOfDate,
)

_LEDGER_TABLES = ("schema_migrations", "schema_views")
_ALREADY_THERE = ("already exists", "duplicate column", "duplicate key name")
#: An init takes seconds; one that is silent for this long has died.
_LEASE = timedelta(minutes=5)


def pending(database: Database) -> list[str]:
    """Give the names of the migrations and views that `apply` would run.

    Raises:
        MigrationChanged: the text of an applied migration is not what the ledger recorded.
        SchemaOutOfDate: the database is newer than this sqltune.
    """
    migrations, views = _pending(database)
    return [m.file_name for m in migrations] + [v.name for v in views]


def require_current(database: Database) -> None:
    """Make sure that the tables are as this sqltune knows them.

    Raises:
        SchemaOutOfDate: something is pending, or the database is newer than this sqltune.
        MigrationChanged: the text of an applied migration is not what the ledger recorded.
    """
    waiting = pending(database)
    if waiting:
        raise SchemaOutOfDate(
            f"the database {database.address} is not up to date ({waiting[0]} is pending): "
            "run `sqltune init`"
        )


def apply(database: Database, *, now: Callable[[], datetime]) -> list[str]:
    """Run what is pending and give its names; two at once are safe.

    Raises:
        DatabaseError: a table of ours has a name that is taken, or a statement fails.
    """
    if not pending(database):
        return []
    _refuse_taken_names(database)
    _create_ledger(database)
    with _init_lease(database, now):
        migrations, views = _pending(database)
        for migration in migrations:
            _apply_migration(database, migration, now())
        for view in views:
            _apply_view(database, view, now())
    return [m.file_name for m in migrations] + [v.name for v in views]


def print_pending(database: Database, *, now: datetime) -> str:
    """Give the SQL that `apply` would run, for a person to run by hand; nothing is written."""
    migrations, views = _pending(database)
    if not migrations and not views:
        return "-- Nothing is pending.\n"
    moment = format_time(now)
    parts = [read_migrations(database.kind)[0].text]
    if 0 not in _ledger(database):
        parts.append(_print_row(0, "init_lease", "free", "", moment))
    for migration in migrations:
        parts += [
            migration.text,
            _print_row(migration.number, migration.name, "applied", migration.sha256, moment),
        ]
    existing = _existing_names(database)
    for view in views:
        statements = view.statements(database.kind, exists=view.name in existing)
        parts.append("".join(f"{s};\n" for s in statements))
        parts.append(
            f"DELETE FROM schema_views WHERE view_name = '{view.name}';\n"  # noqa: S608  for a person
            "INSERT INTO schema_views (view_name, sha256, applied_at)\n"
            f"VALUES ('{view.name}', '{view.sha256}', '{moment}');\n"
        )
    return "\n".join(parts)


def _pending(database: Database) -> tuple[list[Migration], list[View]]:
    known = read_migrations(database.kind)[1:]
    ledger = _ledger(database)
    newer = sorted(n for n in ledger if n > known[-1].number)
    if newer:
        raise SchemaOutOfDate(
            f"the database has migration {newer[-1]:04d}, and the last that this sqltune knows is "
            f"{known[-1].number:04d}: install a newer sqltune"
        )
    for migration in known:
        row = ledger.get(migration.number)
        if row is not None and row.state == "applied" and row.sha256 != migration.sha256:
            raise MigrationChanged(
                f"{migration.file_name} was edited after it was applied at {row.applied_at}: "
                "restore the file and write a new migration"
            )
    migrations = [m for m in known if m.number not in ledger or ledger[m.number].state != "applied"]
    recorded = _recorded_views(database) if ledger else {}
    views = [v for v in read_views() if recorded.get(v.name) != v.sha256]
    return migrations, views


def _ledger(database: Database) -> dict[int, Any]:
    try:
        with database.read() as session:
            return {int(row.number): row for row in session.fetch_all("list_migrations")}
    except SchemaOutOfDate:
        return {}


def _recorded_views(database: Database) -> dict[str, str]:
    with database.read() as session:
        return {row.view_name: row.sha256 for row in session.fetch_all("list_views")}


def _existing_names(database: Database) -> set[str]:
    with translate_errors(), database.engine.connect() as connection:
        inspector = inspect(connection)
        return set(inspector.get_table_names()) | set(inspector.get_view_names())


def _refuse_taken_names(database: Database) -> None:
    """Look before the first statement whether a table of somebody else has one of our names."""
    ledger = _ledger(database)
    existing = _existing_names(database)
    ours = [
        t for m in read_migrations(database.kind)[1:] if m.number not in ledger for t in m.tables
    ]
    if not ledger:
        ours += [v.name for v in read_views()]
        ours += [t for t in _LEDGER_TABLES if not _is_empty_ledger(database, existing)]
    taken = sorted(existing.intersection(ours))
    if taken:
        raise DatabaseError(
            f"table {taken[0]} exists already and is not of sqltune: use a database of its own, "
            "for instance CREATE DATABASE sqltune"
        )


def _is_empty_ledger(database: Database, existing: set[str]) -> bool:
    """Whether the ledger's tables are missing, or were made by an init that died right after."""
    if not existing.intersection(_LEDGER_TABLES):
        return True
    try:
        with database.read() as session:
            session.fetch_all("list_migrations")
    except DatabaseError:
        return False
    return True


def _create_ledger(database: Database) -> None:
    for statement in read_migrations(database.kind)[0].statements:
        _run(database, statement)
    if 0 not in _ledger(database):
        try:
            with database.transaction() as session:
                _insert_row(session, 0, "init_lease", "free", "", datetime(2000, 1, 1))
        except DatabaseError:
            # Another init added the same row first.
            if 0 not in _ledger(database):
                raise


@contextmanager
def _init_lease(database: Database, now: Callable[[], datetime]) -> Iterator[None]:
    owner = uuid.uuid4().hex
    moment = now()
    with database.transaction() as session:
        taken = session.execute(
            "take_init_lease",
            owner=owner,
            now=format_time(moment),
            stale=format_time(moment - _LEASE),
        )
    if taken != 1:
        raise DatabaseUnavailable("another `sqltune init` is at work: wait for it and try again")
    try:
        yield
    finally:
        with database.transaction() as session:
            session.execute("free_init_lease", owner=owner)


def _apply_migration(database: Database, migration: Migration, now: datetime) -> None:
    is_repeated = migration.number in _ledger(database)
    with database.transaction() as session:
        if is_repeated:
            _set_state(session, migration, "applying", now)
        else:
            _insert_row(
                session, migration.number, migration.name, "applying", migration.sha256, now
            )
    for statement in migration.statements:
        _run(database, statement, tolerate_existing=is_repeated)
    with database.transaction() as session:
        _set_state(session, migration, "applied", now)


def _apply_view(database: Database, view: View, now: datetime) -> None:
    exists = view.name in _existing_names(database)
    with translate_errors(), database.transaction() as session:
        for statement in view.statements(database.kind, exists=exists):
            session.run_script(statement)
        session.execute("delete_view_record", view_name=view.name)
        session.execute(
            "insert_view_record", view_name=view.name, sha256=view.sha256, now=format_time(now)
        )


def _run(database: Database, statement: str, *, tolerate_existing: bool = False) -> None:
    try:
        with database.transaction() as session, translate_errors():
            session.run_script(statement)
    except DatabaseError as error:
        is_there = any(words in str(error).lower() for words in _ALREADY_THERE)
        if not (tolerate_existing and is_there):
            raise


def _execute(session: Session, statement: str) -> None:
    """Run one statement exactly as it stands: to no driver is a % in it special."""
    connection = session.connection.execution_options(no_parameters=True)
    connection.exec_driver_sql(statement)


def _insert_row(
    session: Session, number: int, name: str, state: str, sha256: str, now: datetime
) -> None:
    session.execute(
        "insert_migration",
        number=number,
        name=name,
        state=state,
        sha256=sha256,
        now=format_time(now),
        **_who(),
    )


def _set_state(session: Session, migration: Migration, state: str, now: datetime) -> None:
    session.execute(
        "set_migration_state",
        number=migration.number,
        state=state,
        sha256=migration.sha256,
        now=format_time(now),
        **_who(),
    )


def _who() -> dict[str, str]:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "unknown"
    return {"applied_by": user[:100], "host": socket.gethostname()[:100]}


def _print_row(number: int, name: str, state: str, sha256: str, moment: str) -> str:
    return (
        "INSERT INTO schema_migrations (number, name, state, sha256, applied_at, applied_by,"
        " host)\n"
        f"VALUES ({number}, '{name}', '{state}', '{sha256}', '{moment}', 'by hand', 'by hand');\n"
    )
