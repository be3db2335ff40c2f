"""Migrations and views: plain SQL files, applied in order and recorded in a ledger.

DDL commits automatically on the MySQL family, so the ledger records `applying` before a file and
`applied` after it. A file that is found `applying` is run again, and what exists already counts as
done. An applied file that was edited is an error.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import inspect

from sqltune.database import ledger
from sqltune.database.connection import Database
from sqltune.database.errors import translate_errors
from sqltune.database.scripts import Migration, View, read_migrations, read_views
from sqltune.database.times import format_time
from sqltune.errors import DatabaseError, MigrationChanged, SchemaOutOfDate

_ALREADY_THERE = ("already exists", "duplicate column", "duplicate key name")


def pending(database: Database) -> list[str]:
    """Return the names of the migrations and views that `apply` would run.

    Raises:
        MigrationChanged: the text of an applied migration is not what the ledger recorded.
        SchemaOutOfDate: the database is newer than this sqltune.
    """
    return _names(*_pending(database))


def require_current(database: Database) -> None:
    """Check that the tables are those of this sqltune.

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
    """Run what is pending and return its names; two processes at once are safe.

    Raises:
        DatabaseError: the name of one of our tables is taken, or a statement fails.
        DatabaseUnavailable: another init is running.
        MigrationChanged: the text of an applied migration is not what the ledger recorded.
        SchemaOutOfDate: the database is newer than this sqltune.
    """
    if not pending(database):
        return []
    _refuse_taken_names(database)
    for statement in _ledger_file(database).statements:
        _run(database, statement)
    ledger.add_lease_row(database)
    with ledger.lease_init(database, owner=uuid.uuid4().hex, now=now()):
        migrations, views = _pending(database)
        for migration in migrations:
            _apply_migration(database, migration, now)
        for view in views:
            _apply_view(database, view, now())
    return _names(migrations, views)


def print_pending(database: Database, *, now: datetime) -> str:
    """Return the SQL that `apply` would run, for a person to run by hand; nothing is written."""
    migrations, views = _pending(database)
    if not migrations and not views:
        return "-- Nothing is pending.\n"
    _refuse_taken_names(database)
    rows = ledger.read_ledger(database)
    parts = [_ledger_file(database).text]
    if 0 not in rows:
        parts.append(_print_row(Migration(0, "init_lease", ""), "free", now))
    for migration in migrations:
        if migration.number in rows:
            parts.append(_print_begun(migration))
        parts += [migration.text, _print_row(migration, "applied", now)]
    _, existing = _existing_names(database)
    for view in views:
        statements = view.statements(database.kind, exists=view.name in existing)
        parts += ["".join(f"{s};\n" for s in statements), _print_view_row(view, now)]
    return "\n".join(parts)


def _pending(database: Database) -> tuple[list[Migration], list[View]]:
    known = read_migrations(database.kind)[1:]
    rows = ledger.read_ledger(database)
    last = max(rows, default=0)
    if last > known[-1].number:
        raise SchemaOutOfDate(
            f"the database has migration {last:04d}, and this sqltune knows "
            f"{known[-1].number:04d} as the last: install a newer sqltune"
        )
    applied = {number: row for number, row in rows.items() if row.state == "applied"}
    for migration in known:
        row = applied.get(migration.number)
        if row is not None and row.sha256 != migration.sha256:
            raise MigrationChanged(
                f"{migration.file_name} was edited after it was applied at {row.applied_at}: "
                "restore the file and write a new migration"
            )
    hashes = ledger.read_view_hashes(database) if rows else {}
    views = [view for view in read_views() if hashes.get(view.name) != view.sha256]
    return [m for m in known if m.number not in applied], views


def _refuse_taken_names(database: Database) -> None:
    """Refuse, before the first statement, a database in which one of our names is taken."""
    tables, views = _existing_names(database)
    rows = ledger.read_ledger(database)
    ours = {t for m in read_migrations(database.kind)[1:] if m.number not in rows for t in m.tables}
    taken = tables & (ours | {view.name for view in read_views()})
    if not rows:
        taken |= views & {view.name for view in read_views()}
    taken |= ledger.foreign_tables(database, tables)
    if taken:
        raise DatabaseError(
            f"{min(taken)} exists already and does not belong to sqltune: use a database of its "
            "own, for instance CREATE DATABASE sqltune"
        )


def _existing_names(database: Database) -> tuple[set[str], set[str]]:
    """Return the names of all tables and of all views."""
    if database.is_missing:
        return set(), set()
    with translate_errors(), database.engine.connect() as connection:
        inspector = inspect(connection)
        return set(inspector.get_table_names()), set(inspector.get_view_names())


def _ledger_file(database: Database) -> Migration:
    return read_migrations(database.kind)[0]


def _apply_migration(database: Database, migration: Migration, now: Callable[[], datetime]) -> None:
    is_repeated = migration.number in ledger.read_ledger(database)
    with database.transaction() as session:
        ledger.record_migration(session, migration, "applying", now(), is_known=is_repeated)
    for statement in migration.statements:
        _run(database, statement, tolerate_existing=is_repeated)
    with database.transaction() as session:
        ledger.record_migration(session, migration, "applied", now(), is_known=True)


def _apply_view(database: Database, view: View, now: datetime) -> None:
    _, existing = _existing_names(database)
    with database.transaction() as session:
        for statement in view.statements(database.kind, exists=view.name in existing):
            session.run_script(statement)
        ledger.record_view(session, view, now)


def _run(database: Database, statement: str, *, tolerate_existing: bool = False) -> None:
    try:
        with database.transaction() as session:
            session.run_script(statement)
    except DatabaseError as error:
        is_there = any(words in str(error).lower() for words in _ALREADY_THERE)
        if not (tolerate_existing and is_there):
            raise


def _names(migrations: list[Migration], views: list[View]) -> list[str]:
    return [m.file_name for m in migrations] + [v.name for v in views]


def _print_begun(migration: Migration) -> str:
    return (
        f"-- {migration.file_name} was begun before and did not end:\n"
        "-- leave out each statement of it whose table or index exists already.\n"
        f"DELETE FROM schema_migrations WHERE number = {migration.number};\n"
    )


def _print_row(migration: Migration, state: str, now: datetime) -> str:
    values = (migration.name, state, migration.sha256, format_time(now), "by hand", "by hand")
    return (
        "INSERT INTO schema_migrations\n"
        "  (number, name, state, sha256, applied_at, applied_by, host)\n"
        f"VALUES ({migration.number}, {_quoted(values)});\n"
    )


def _print_view_row(view: View, now: datetime) -> str:
    values = (view.name, view.sha256, format_time(now))
    return (
        f"DELETE FROM schema_views WHERE view_name = '{view.name}';\n"  # noqa: S608 -- a name of ours, for a person to read
        f"INSERT INTO schema_views (view_name, sha256, applied_at)\nVALUES ({_quoted(values)});\n"
    )


def _quoted(values: tuple[str, ...]) -> str:
    return ", ".join(f"'{value}'" for value in values)
