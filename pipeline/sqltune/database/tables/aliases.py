"""Names that point to one version: `aliases`, `alias_history`, and the requests `alias_changes`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqltune.database.connection import Session
from sqltune.database.times import format_time, parse_time


@dataclass(frozen=True, slots=True)
class AliasMove:
    """One row of `alias_history`."""

    move_number: int
    old_version: int | None  #: None: the alias is new
    new_version: int
    run_id: int | None  #: None: a person asked for it
    changed_at: datetime | None


def fetch_alias(session: Session, adapter_name: str, alias: str = "live") -> int | None:
    """Give the version that an alias points to; None when there is no such alias."""
    row = session.fetch_one("fetch_alias", adapter_name=adapter_name, alias=alias)
    return None if row is None else int(row.version_number)


def fetch_last_move(session: Session, adapter_name: str, alias: str = "live") -> AliasMove | None:
    """Give the latest move of an alias; None when it never moved."""
    row = session.fetch_one("fetch_last_move", adapter_name=adapter_name, alias=alias)
    if row is None:
        return None
    return AliasMove(
        row.move_number, row.old_version, row.new_version, row.run_id, parse_time(row.changed_at)
    )


def move_alias(
    session: Session,
    adapter_name: str,
    alias: str,
    version_number: int,
    *,
    run_id: int | None,
    reason: str,
    now: datetime,
) -> bool:
    """Point an alias to a version and keep the move; False when it points there already."""
    old_version = fetch_alias(session, adapter_name, alias)
    if old_version == version_number:
        return False
    session.execute(
        "insert_alias" if old_version is None else "update_alias",
        adapter_name=adapter_name,
        alias=alias,
        version_number=version_number,
        changed_at=format_time(now),
    )
    last = fetch_last_move(session, adapter_name, alias)
    session.execute(
        "insert_alias_move",
        adapter_name=adapter_name,
        alias=alias,
        move_number=1 if last is None else last.move_number + 1,
        old_version=old_version,
        new_version=version_number,
        run_id=run_id,
        reason=reason,
        changed_at=format_time(now),
    )
    return True


def settle_alias_changes(session: Session, adapter_name: str, *, now: datetime) -> int:
    """Answer what people asked for in `alias_changes`; gives how many aliases moved."""
    moved = 0
    for request in session.fetch_all("fetch_alias_requests", adapter_name=adapter_name):
        version = request.version_number
        reason = request.reason or "asked for in alias_changes"
        state = "applied"
        # SQLite stores what it is given, a text in a column of numbers too.
        if not isinstance(version, int) or not _has_version(session, adapter_name, version):
            state, reason = "refused", f"{adapter_name} has no version {version}"
        else:
            moved += move_alias(
                session, adapter_name, request.alias, version, run_id=None, reason=reason, now=now
            )
        session.execute(
            "settle_alias_request",
            change_id=request.change_id,
            state=state,
            reason=reason,
            settled_at=format_time(now),
        )
    return moved


def _has_version(session: Session, adapter_name: str, version_number: int) -> bool:
    row = session.fetch_one(
        "count_version", adapter_name=adapter_name, version_number=version_number
    )
    return row is not None and row.version_count > 0
