"""Names that point to one version: `aliases`, `alias_history`, and the requests `alias_changes`."""

from __future__ import annotations

from datetime import datetime

from sqltune.database.connection import Session
from sqltune.database.times import format_time


def fetch_alias(session: Session, adapter_name: str, alias: str = "live") -> int | None:
    """Return the version that an alias points to; None if there is no such alias."""
    row = session.fetch_one("fetch_alias", adapter_name=adapter_name, alias=alias)
    return None if row is None else int(row.version_number)


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
    """Point an alias to a version and record the move; False if it points there already."""
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
    last = session.fetch_one("get_last_move_number", adapter_name=adapter_name, alias=alias)
    session.execute(
        "insert_alias_move",
        adapter_name=adapter_name,
        alias=alias,
        move_number=(int(last.last_number) if last else 0) + 1,
        old_version=old_version,
        new_version=version_number,
        run_id=run_id,
        reason=reason,
        changed_at=format_time(now),
    )
    return True


def settle_alias_changes(session: Session, adapter_name: str, *, now: datetime) -> int:
    """Answer the requests in `alias_changes` and return how many aliases moved."""
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
