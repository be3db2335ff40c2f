"""Who works on which adapter: claiming, renewing and releasing the lease.

A claim is a compare-and-set on `attempt`, counted only when one row matched and COMMIT returned;
the lease goes by the database's own clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqltune.database.connection import Database, Session
from sqltune.database.times import format_time, parse_time
from sqltune.errors import DatabaseError, DatabaseUnavailable
from sqltune.records import Claim


@dataclass(frozen=True, slots=True)
class Lease:
    """Who works on an adapter, as a reader sees it."""

    adapter_name: str
    owner: str
    claimed_at: datetime | None
    heartbeat_at: datetime | None
    until: datetime | None
    run_id: int | None  #: None: it is still being planned
    is_expired: bool  #: the owner was silent for longer than his lease


def claim_adapter(
    database: Database, adapter_name: str, *, owner: str, lease_seconds: float, now: datetime
) -> Claim | None:
    """Take the adapter's lease; None when another runner has it.

    Asked again with the same owner after a lost connection, it gives what was taken before.
    """
    attempt, holder = _current_attempt(database, adapter_name)
    if holder == owner:
        return Claim(adapter_name, owner, attempt)
    values = {
        "adapter_name": adapter_name,
        "attempt": attempt,
        "owner": owner,
        "lease_ms": int(lease_seconds * 1000),
        "now": format_time(now),
    }
    try:
        with database.transaction() as session:
            matched = session.execute("claim_adapter", **values)
    except DatabaseUnavailable:
        if _is_untouched(database, adapter_name, attempt):
            raise  # nobody has it: whoever is patient asks again
        return _claim_after_doubt(database, adapter_name, owner, attempt + 1)
    return Claim(adapter_name, owner, attempt + 1) if matched == 1 else None


def renew_lease(session: Session, claim: Claim, *, lease_seconds: float, now: datetime) -> bool:
    """Prolong the lease; False when it went to another runner."""
    matched = session.execute(
        "renew_lease",
        adapter_name=claim.adapter_name,
        owner=claim.owner,
        attempt=claim.attempt,
        lease_ms=int(lease_seconds * 1000),
        now=format_time(now),
    )
    return matched == 1


def release_adapter(database: Database, claim: Claim) -> None:
    """Give the lease back; one that was lost already is left alone."""
    with database.transaction() as session:
        session.execute(
            "release_adapter",
            adapter_name=claim.adapter_name,
            owner=claim.owner,
            attempt=claim.attempt,
        )


def record_decision_of_sync(
    session: Session, adapter_name: str, *, decision: str, reason: str, now: datetime
) -> None:
    """Store what this sync decided for the adapter, and why."""
    session.execute(
        "record_decision_of_sync",
        adapter_name=adapter_name,
        decision=decision,
        decision_reason=reason,
        now=format_time(now),
    )


def set_retry_at(session: Session, adapter_name: str, at: datetime | None) -> None:
    """Say when a worker tries again; None: nothing waits for that."""
    session.execute(
        "set_retry_at", adapter_name=adapter_name, retry_at=format_time(at) if at else None
    )


def set_current_run(session: Session, adapter_name: str, run_id: int | None) -> None:
    """Name the run that works on the adapter; None when it has ended."""
    session.execute("set_current_run", adapter_name=adapter_name, run_id=run_id)


def list_leases(session: Session) -> dict[str, Lease]:
    """Give every lease that is held, by adapter."""
    leases = [
        Lease(
            adapter_name=row.adapter_name,
            owner=row.lease_owner,
            claimed_at=parse_time(row.claimed_at),
            heartbeat_at=parse_time(row.heartbeat_at),
            until=parse_time(row.lease_expires_at),
            run_id=row.run_id,
            is_expired=bool(row.is_expired),
        )
        for row in session.fetch_all("list_leases")
    ]
    return {lease.adapter_name: lease for lease in leases}


def _current_attempt(database: Database, adapter_name: str) -> tuple[int, str | None]:
    """Give the adapter's attempt and who holds its lease."""
    with database.read() as session:
        row = session.fetch_one("get_adapter_state", adapter_name=adapter_name)
    if row is not None:
        return int(row.attempt), row.lease_owner
    _add_state(database, adapter_name)
    return 0, None


def _add_state(database: Database, adapter_name: str) -> None:
    try:
        with database.transaction() as session:
            session.execute("add_adapter_state", adapter_name=adapter_name)
    except DatabaseError:
        # Another runner added the same row first; anything else shows in the claim that follows.
        with database.read() as session:
            if session.fetch_one("get_adapter_state", adapter_name=adapter_name) is None:
                raise


def _is_untouched(database: Database, adapter_name: str, attempt: int) -> bool:
    """Whether nobody has claimed the adapter since it was looked at."""
    return _current_attempt(database, adapter_name)[0] == attempt


def _claim_after_doubt(
    database: Database, adapter_name: str, owner: str, attempt: int
) -> Claim | None:
    """Look whether a claim was committed whose reply was lost; the owner's name is unique to it."""
    with database.read() as session:
        row = session.fetch_one("get_adapter_state", adapter_name=adapter_name)
    if row is not None and row.lease_owner == owner and row.attempt == attempt:
        return Claim(adapter_name, owner, attempt)
    return None
