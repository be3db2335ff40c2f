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
#: An init takes seconds; one that is silent for this long has died.
_LEASE = timedelta(minutes=5)
_LEASE_ROW = Migration(0, "init_lease", "")


def read_ledger(database: Database) -> dict[int, Row[Any]]:
    """Give the rows of the ledger by number; none where there is no ledger yet."""
    if database.is_missing:
        return {}
    try:
        with database.read() as session:
            return {int(row.number): row for row in session.fetch_all("list_migrations")}
    except SchemaOutOfDate:
        return {}


def read_view_hashes(database: Database) -> dict[str, str]:
    """Give the hash of the text that each view was made from."""
    with database.read() as session:
        return {row.view_name: row.sha256 for row in session.fetch_all("list_views")}


def foreign_tables(database: Database, existing: set[str]) -> set[str]:
    """Give the tables that have the name of one of the ledger's and not its columns.

    An init that died at its first statements may have left one of the two, and that one is ours.
    """
    looks = {"schema_migrations": "list_migrations", "schema_views": "list_views"}
    return {t for t in existing.intersection(LEDGER_TABLES) if not _can_read(database, looks[t])}


def _can_read(database: Database, query: str) -> bool:
    try:
        with database.read() as session:
            session.fetch_one(query)
    except SchemaOutOfDate:
        return False
    return True


def add_lease_row(database: Database) -> None:
    """Make sure that the row is there that init takes; another init may have been faster."""
    if 0 in read_ledger(database):
        return
    try:
        with database.transaction() as session:
            record_migration(session, _LEASE_ROW, "free", datetime(2000, 1, 1), is_known=False)
    except DatabaseError:
        if 0 not in read_ledger(database):
            raise


@contextmanager
def hold_init_lease(database: Database, *, owner: str, now: datetime) -> Iterator[None]:
    """Let one init work at a time.

    Raises:
        DatabaseUnavailable: another one is at work.
    """
    with database.transaction() as session:
        taken = session.execute(
            "take_init_lease", owner=owner, now=format_time(now), stale=format_time(now - _LEASE)
        )
    if taken != 1:
        raise DatabaseUnavailable(
            "another `sqltune init` is at work: try again when it has ended, or in five minutes "
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
    """Write how a migration stands; `is_known` says whether the ledger has its row."""
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
    """Write that a view was made from this text."""
    session.execute("delete_view_record", view_name=view.name)
    session.execute(
        "insert_view_record", view_name=view.name, sha256=view.sha256, now=format_time(now)
    )


def _user() -> str:
    try:
        return getpass.getuser()[:100]
    except (KeyError, OSError):
        return "unknown"  # a container's number without a name
