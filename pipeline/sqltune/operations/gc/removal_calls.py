"""Removals as rows of `backend_calls`, among the calls of the run that made the orphan."""

from __future__ import annotations

from datetime import datetime

from sqltune.database.connection import Session
from sqltune.database.tables import calls
from sqltune.database.tables.calls import StoredCall

DELETE_ADAPTER, DELETE_WEIGHTS = "delete_adapter", "delete_weights"
_OPEN = ("intended", "unknown")


def announce_call(
    session: Session, run_id: int, call_kind: str, address: str, *, now: datetime
) -> int:
    """Record the intent to remove an artifact; an earlier one whose outcome is open is reused."""
    for call in _open_calls(session, run_id, address):
        return call.call_number
    return calls.insert_call(session, run_id, call_kind=call_kind, request=address, now=now)


def settle_open_calls(session: Session, run_id: int, address: str, *, now: datetime) -> None:
    """Settle removals of an artifact that is gone, whose outcome was unknown."""
    for call in _open_calls(session, run_id, address):
        calls.settle_call(
            session,
            run_id,
            call.call_number,
            state="done",
            external_id=call.external_id,
            outcome="it is gone",
            now=now,
        )


def _open_calls(session: Session, run_id: int, address: str) -> list[StoredCall]:
    return [
        call
        for call in calls.list_calls(session, run_id)
        if call.call_kind in (DELETE_ADAPTER, DELETE_WEIGHTS)
        and call.state in _OPEN
        and call.request == address
    ]
