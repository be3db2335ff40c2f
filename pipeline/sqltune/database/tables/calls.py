"""Calls that change something outside the database: the intent is committed before the call, the
outcome after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqltune.database.connection import Session
from sqltune.database.times import format_time


@dataclass(frozen=True, slots=True)
class StoredCall:
    """One row of `backend_calls`."""

    call_number: int
    state: str  #: intended, done, failed, unknown
    call_kind: str
    request: str
    external_id: str | None


def insert_call(
    session: Session, run_id: int, *, call_kind: str, request: str, now: datetime
) -> int:
    """Announce a call and return its number within the run."""
    row = session.fetch_one("get_last_call_number", run_id=run_id)
    number = (row.last_number if row else 0) + 1
    session.execute(
        "insert_call",
        run_id=run_id,
        call_number=number,
        call_kind=call_kind,
        request=request,
        now=format_time(now),
    )
    return int(number)


def settle_call(
    session: Session,
    run_id: int,
    call_number: int,
    *,
    state: str,
    external_id: str | None,
    outcome: str | None,
    now: datetime,
) -> None:
    """Store how an announced call ended: done, failed or unknown."""
    session.execute(
        "settle_call",
        run_id=run_id,
        call_number=call_number,
        state=state,
        external_id=external_id,
        outcome=outcome,
        now=format_time(now),
    )


def list_calls(session: Session, run_id: int) -> list[StoredCall]:
    """Return the calls of the run in order."""
    return [
        StoredCall(row.call_number, row.state, row.call_kind, row.request, row.external_id)
        for row in session.fetch_all("list_calls", run_id=run_id)
    ]
