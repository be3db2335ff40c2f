"""Orphans as rows: stored artifacts that no row names, and versions whose adapter is gone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqltune.database.connection import Database, Session
from sqltune.database.times import format_time, parse_time
from sqltune.errors import DatabaseError, DatabaseUnavailable
from sqltune.records import RunState


@dataclass(frozen=True, slots=True)
class Orphan:
    """One orphan as a scan finds it."""

    orphan_key: str  #: the same for the same orphan in every scan
    orphan_kind: str  #: adapter_without_row, row_without_adapter, weights_without_row
    adapter_name: str | None  #: None: the run is not known
    version_number: int | None  #: with row_without_adapter
    run_id: int | None
    run_key: str | None
    is_unknown_run: bool  #: made by a run that this database does not know
    backend: str
    place: str
    external_id: str | None
    address: str
    size_bytes: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class OpenOrphan:
    """An orphan that was found before and is not settled yet."""

    orphan_key: str
    state: str  #: found, removing
    run_id: int | None
    address: str


@dataclass(frozen=True, slots=True)
class RunStatus:
    """Whether a run still needs what it made."""

    run_id: int
    adapter_name: str
    is_ended: bool
    finished_at: datetime | None


def find_run_of_key(session: Session, run_key: str) -> RunStatus | None:
    """Return the run whose key a stored artifact carries; None: this database does not know it."""
    return _run_end(session.fetch_one("find_run_of_key", run_key=run_key))


def get_run_end(session: Session, run_id: int) -> RunStatus | None:
    """Return whether and when a run ended; None: its row was deleted."""
    return _run_end(session.fetch_one("get_run_end", run_id=run_id))


def list_created_adapters(session: Session) -> dict[str, int]:
    """Return the ids of all adapters that runs created at services, with the run of each."""
    return {row.external_id: row.run_id for row in session.fetch_all("list_created_adapters")}


def store_orphans(database: Database, orphans: Sequence[Orphan], *, now: datetime) -> None:
    """Store orphans; known ones keep the time when they were first found."""
    for orphan in orphans:
        try:
            _store_orphan(database, orphan, now)
        except DatabaseUnavailable:
            raise
        except DatabaseError:
            # Another scan has inserted the same row meanwhile.
            _store_orphan(database, orphan, now)


def list_open_orphans(session: Session, backend: str, place: str) -> list[OpenOrphan]:
    """Return the orphans that an earlier scan of a place left open."""
    rows = session.fetch_all("list_open_orphans", backend=backend, place=place)
    return [OpenOrphan(row.orphan_key, row.state, row.run_id, row.address) for row in rows]


def set_orphan_state(
    session: Session,
    orphan_key: str,
    state: str,
    *,
    removed_at: datetime | None = None,
    error_message: str | None = None,
) -> None:
    """Store what became of an orphan: removing, removed, found again after an error, gone."""
    session.execute(
        "set_orphan_state",
        orphan_key=orphan_key,
        state=state,
        removed_at=format_time(removed_at) if removed_at else None,
        error_message=error_message,
    )


def _store_orphan(database: Database, orphan: Orphan, now: datetime) -> None:
    values = {**asdict(orphan), "is_unknown_run": int(orphan.is_unknown_run)}
    refreshed = ("adapter_name", "run_id", "is_unknown_run", "size_bytes", "reason", "orphan_key")
    with database.transaction() as session:
        known = session.execute(
            "refresh_orphan", **{name: values[name] for name in refreshed}, now=format_time(now)
        )
        if not known:
            session.execute("insert_orphan", **values, now=format_time(now))


def _run_end(row: Any) -> RunStatus | None:
    if row is None:
        return None
    is_ended = RunState(row.state).is_ended
    return RunStatus(row.run_id, row.adapter_name, is_ended, parse_time(row.finished_at))
