"""What happened in runs, in words: `run_events`."""

from __future__ import annotations

from datetime import datetime

from sqltune.database.connection import Session
from sqltune.database.times import format_time


def add_event(session: Session, run_id: int, event: str, message: str, *, now: datetime) -> None:
    """Record what happened as the run's next event."""
    row = session.fetch_one("get_last_event_number", run_id=run_id)
    number = (row.last_number if row else 0) + 1
    session.execute(
        "insert_event",
        run_id=run_id,
        event_number=number,
        now=format_time(now),
        event=event,
        message=message,
    )
