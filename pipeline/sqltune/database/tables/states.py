"""Adapters' leases: claiming, renewing and releasing them, and the last decision of a sync.

A claim is a compare-and-set on `attempt` and counts only if one row matched and COMMIT returned.
Leases use the database's own clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqltune.database.connection import Database, Session
from sqltune.database.times import format_time, parse_time
from sqltune.errors import DatabaseError, DatabaseUnavailable
from sqltune.records import Claim, SyncDecision


@dataclass(frozen=True, slots=True)
class Lease:
    """An adapter's lease, as a reader sees it."""

    adapter_name: str
    owner: str
    claimed_at: datetime | None
    heartbeat_at: datetime | None
    until: datetime | None
    run_id: int | None  #: None: the adapter is still being planned
    is_expired: bool  #: the owner did not renew it in time
    crash_count: int = 0  #: runners in a row that died with it before this owner


@dataclass(frozen=True, slots=True)
class LastTry:
    """What decides when a sync takes an adapter."""

    comes_last: bool  #: its last turn failed, was slow, or died
    claimed_at: datetime | None  #: None: it was never tried


@dataclass(frozen=True, slots=True)
class RetryTime:
    """When a worker tries an adapter again."""

    at: datetime | None  #: None: no attempt is due


@dataclass(frozen=True, slots=True)
class LiveTimes:
    """What decides when what is live is evaluated again, and when it answers rows."""

    live_since: datetime | None
    reevaluated_at: datetime | None  #: None: it never was
    predicted_at: datetime | None = None  #: None: it never did


def claim_adapter(
    database: Database, adapter_name: str, *, owner: str, lease_seconds: float, now: datetime
) -> Claim | None:
    """Claim the adapter's lease, or return None if another runner has it.

    Called again with the same owner after a lost connection, it returns the earlier claim.
    """
    attempt, current = _current_attempt(database, adapter_name)
    if current is not None and current.owner == owner:
        return current
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
            claim = _read_claim(session, adapter_name) if matched == 1 else None
    except DatabaseUnavailable:
        if _is_untouched(database, adapter_name, attempt):
            raise  # the lease is still free, so the caller can retry
        return _claim_after_doubt(database, adapter_name, owner, attempt + 1)
    return claim


def renew_lease(session: Session, claim: Claim, *, lease_seconds: float, now: datetime) -> bool:
    """Prolong the lease; return False if another runner has it now."""
    matched = session.execute(
        "renew_lease",
        adapter_name=claim.adapter_name,
        owner=claim.owner,
        attempt=claim.attempt,
        lease_ms=int(lease_seconds * 1000),
        now=format_time(now),
    )
    return matched == 1


def release_adapter(database: Database, claim: Claim, *, comes_last: bool = False) -> None:
    """Release the lease; one that was lost already is left alone, and was not lost by a crash.

    Args:
        database: where to write.
        claim: what is released.
        comes_last: whether the turn failed or was slow, so that others come first next time.
    """
    name, attempt = claim.adapter_name, claim.attempt
    with database.transaction() as session:
        if not session.execute(
            "release_adapter",
            adapter_name=name,
            owner=claim.owner,
            attempt=attempt,
            comes_last=int(comes_last),
        ):
            session.execute("forgive_crash", adapter_name=name, attempt=attempt)


def record_sync_decision(
    session: Session,
    adapter_name: str,
    *,
    decision: SyncDecision,
    reason: str,
    retry: RetryTime | None,
    now: datetime,
) -> None:
    """Store what this sync decided for the adapter, and why.

    Args:
        session: the fenced transaction.
        adapter_name: the adapter.
        decision: the decision.
        reason: why, in words.
        retry: when a worker tries again; None leaves the stored time unchanged.
        now: UTC.
    """
    at = retry.at if retry is not None else None
    session.execute(
        "record_sync_decision",
        adapter_name=adapter_name,
        decision=decision.value,
        decision_reason=reason,
        keeps_retry=int(retry is None),
        retry_at=format_time(at) if at else None,
        now=format_time(now),
    )


def set_retry_at(session: Session, adapter_name: str, at: datetime | None) -> None:
    """Store when a worker tries again; None: no attempt is due."""
    session.execute(
        "set_retry_at", adapter_name=adapter_name, retry_at=format_time(at) if at else None
    )


def get_live_times(session: Session, adapter_name: str) -> LiveTimes | None:
    """Return what decides when what is live is evaluated again, and when it answers rows.

    Returns:
        None if nothing is live.
    """
    row = session.fetch_one("get_live_times", adapter_name=adapter_name)
    if row is None:
        return None
    return LiveTimes(
        parse_time(row.live_since), parse_time(row.reevaluated_at), parse_time(row.predicted_at)
    )


def set_reevaluated_at(session: Session, adapter_name: str, *, now: datetime) -> None:
    """Record that an evaluation by reevaluate_every begins."""
    session.execute("set_reevaluated_at", adapter_name=adapter_name, now=format_time(now))


def set_predicted_at(session: Session, adapter_name: str, *, now: datetime) -> None:
    """Record that the prediction_query is read."""
    session.execute("set_predicted_at", adapter_name=adapter_name, now=format_time(now))


def get_predicted_key(session: Session, adapter_name: str) -> str | None:
    """Return the hash of the rows of which none was to be asked; None: not known."""
    row = session.fetch_one("get_predicted_key", adapter_name=adapter_name)
    return None if row is None else row.predicted_key


def set_predicted_key(session: Session, adapter_name: str, key: str | None) -> None:
    """Record the hash of the rows of which none is to be asked; None: not known."""
    session.execute("set_predicted_key", adapter_name=adapter_name, predicted_key=key)


def set_current_run(session: Session, adapter_name: str, run_id: int) -> None:
    """Store the adapter's current run."""
    session.execute("set_current_run", adapter_name=adapter_name, run_id=run_id)


def clear_current_run(session: Session, adapter_name: str, retry: RetryTime | None) -> None:
    """Record that the adapter's run has ended, and when a worker tries again.

    Args:
        session: the fenced transaction.
        adapter_name: the adapter.
        retry: None leaves the stored time unchanged.
    """
    at = retry.at if retry is not None else None
    session.execute(
        "clear_current_run",
        adapter_name=adapter_name,
        keeps_retry=int(retry is None),
        retry_at=format_time(at) if at else None,
    )


def list_last_tries(session: Session) -> dict[str, LastTry]:
    """Return what decides when a sync takes each adapter that was ever tried."""
    return {
        row.adapter_name: LastTry(bool(row.comes_last), parse_time(row.claimed_at))
        for row in session.fetch_all("list_order")
    }


def list_leases(session: Session, *, lease_seconds: float) -> dict[str, Lease]:
    """Return every lease by adapter, expired ones included.

    Args:
        session: where to read.
        lease_seconds: how long a lease may be; one that ends later than twice that has expired.
    """
    leases = [
        Lease(
            adapter_name=row.adapter_name,
            owner=row.lease_owner,
            claimed_at=parse_time(row.claimed_at),
            heartbeat_at=parse_time(row.heartbeat_at),
            until=parse_time(row.lease_expires_at),
            run_id=row.run_id,
            is_expired=bool(row.is_expired),
            crash_count=row.crash_count,
        )
        for row in session.fetch_all("list_leases", lease_ms=int(lease_seconds * 1000))
    ]
    return {lease.adapter_name: lease for lease in leases}


def _current_attempt(database: Database, adapter_name: str) -> tuple[int, Claim | None]:
    """Return the adapter's attempt, and the claim of the runner that has its lease."""
    with database.read() as session:
        row = session.fetch_one("get_adapter_state", adapter_name=adapter_name)
    if row is not None:
        return int(row.attempt), _claim_of(row)
    _add_state(database, adapter_name)
    return 0, None


def _read_claim(session: Session, adapter_name: str) -> Claim | None:
    return _claim_of(session.fetch_one("get_adapter_state", adapter_name=adapter_name))


def _claim_of(row: Any) -> Claim | None:
    if row is None or row.lease_owner is None:
        return None
    return Claim(row.adapter_name, row.lease_owner, int(row.attempt), int(row.crash_count))


def _add_state(database: Database, adapter_name: str) -> None:
    try:
        with database.transaction() as session:
            session.execute("add_adapter_state", adapter_name=adapter_name)
    except DatabaseError:
        # Another runner inserted the same row first; any other error shows in the claim below.
        with database.read() as session:
            if session.fetch_one("get_adapter_state", adapter_name=adapter_name) is None:
                raise


def _is_untouched(database: Database, adapter_name: str, attempt: int) -> bool:
    """Whether the adapter has not been claimed since `attempt` was read."""
    return _current_attempt(database, adapter_name)[0] == attempt


def _claim_after_doubt(
    database: Database, adapter_name: str, owner: str, attempt: int
) -> Claim | None:
    """Return the claim if it was committed although its reply was lost; owners are unique."""
    with database.read() as session:
        claim = _read_claim(session, adapter_name)
    if claim is not None and (claim.owner, claim.attempt) == (owner, attempt):
        return claim
    return None
