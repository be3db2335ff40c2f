"""The ledger: which migration was applied when, by whom and with what text; and the lease of init.

Its tables are made by the file 0000 of each engine. Row 0 is the lease.
"""

from __future__ import annotations

import getpass
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row

from sqltune.database.connection import Database, Session
from sqltune.database.scripts import Migration, View
from sqltune.database.times import format_time
from sqltune.errors import DatabaseError, DatabaseUnavailable, SchemaOutOfDate

LEDGER_TABLES = ("schema_migrations", "schema_views")
#: An init takes seconds; one that has not ended after this time has died.
_LEASE = timedelta(minutes=5)
_LEASE_ROW = Migration(0, "init_lease", "")


def read_ledger(database: Database) -> dict[int, Row[Any]]:
    """Return the rows of the ledger by number; none where there is no ledger yet."""
    if database.is_missing:
        return {}
    try:
        with database.read() as session:
            return {int(row.number): row for row in session.fetch_all("list_migrations")}
    except SchemaOutOfDate:
        return {}


def read_view_hashes(database: Database) -> dict[str, str]:
    """Return the hash of the text that each view was made from."""
    with database.read() as session:
        return {row.view_name: row.sha256 for row in session.fetch_all("list_views")}


def foreign_tables(database: Database, existing: set[str]) -> set[str]:
    """Return the tables that have the name of a ledger table but not its columns.

    An init that died at its first statements may have left one of the two: that one is ours.
    """
    queries = {"schema_migrations": "list_migrations", "schema_views": "list_views"}
    return {t for t in existing.intersection(LEDGER_TABLES) if not _can_read(database, queries[t])}


def _can_read(database: Database, query: str) -> bool:
    try:
        with database.read() as session:
            session.fetch_one(query)
    except SchemaOutOfDate:
        return False
    return True


def add_lease_row(database: Database) -> None:
    """Ensure that the row exists which init leases; another init may have been faster."""
    if 0 in read_ledger(database):
        return
    try:
        with database.transaction() as session:
            record_migration(session, _LEASE_ROW, "free", datetime(2000, 1, 1), is_known=False)
    except DatabaseError:
        if 0 not in read_ledger(database):
            raise


@contextmanager
def lease_init(database: Database, *, owner: str, now: datetime) -> Iterator[None]:
    """Let one init run at a time.

    Raises:
        DatabaseUnavailable: another one is running.
    """
    with database.transaction() as session:
        taken = session.execute(
            "take_init_lease", owner=owner, now=format_time(now), stale=format_time(now - _LEASE)
        )
    if taken != 1:
        raise DatabaseUnavailable(
            "another `sqltune init` is running: try again when it has ended, or in five minutes "
            "if it died"
        )
    try:
        yield
    finally:
        with database.transaction() as session:
            session.execute("free_init_lease", owner=owner)


def record_migration(
    session: Session, migration: Migration, state: str, now: datetime, *, is_known: bool
) -> None:
    """Write the state of a migration.

    Args:
        session: the transaction to write in.
        migration: the file.
        state: applying or applied; of the lease row, free.
        now: UTC.
        is_known: whether the ledger has a row for it already.
    """
    values = {
        "number": migration.number,
        "state": state,
        "sha256": migration.sha256,
        "now": format_time(now),
        "applied_by": _user(),
        "host": socket.gethostname()[:100],
    }
    if is_known:
        session.execute("set_migration_state", **values)
    else:
        session.execute("insert_migration", name=migration.name, **values)


def record_view(session: Session, view: View, now: datetime) -> None:
    """Record that a view was made from this text."""
    session.execute("delete_view_record", view_name=view.name)
    session.execute(
        "insert_view_record", view_name=view.name, sha256=view.sha256, now=format_time(now)
    )


def _user() -> str:
    try:
        return getpass.getuser()[:100]
    except (KeyError, OSError):
        return "unknown"  # a container may have a user number without a name
