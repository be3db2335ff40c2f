"""What people hear outside the database, one row per call of the webhook: `webhook_calls`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqltune.database.connection import Session
from sqltune.database.times import format_time, parse_time

#: News that one scan finds of each kind, and calls that are read at once.
PAGE_SIZE = 100


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that happened to an adapter."""

    adapter_name: str
    event: str  #: one of settings.WEBHOOK_EVENTS
    event_number: int  #: the run's id, or the number of the alias's move
    run_id: int | None  #: None: a person moved the alias
    message: str
    happened_at: datetime | None  #: UTC; None: since when a run is stuck is not known


@dataclass(frozen=True, slots=True)
class WaitingCall:
    """A call that has not been delivered."""

    notice: Notice
    attempt_count: int


def get_begin(session: Session, webhook_key: str) -> datetime | None:
    """Return since when an address is called; None: it is new."""
    row = session.fetch_one("get_webhook", webhook_key=webhook_key)
    return None if row is None else parse_time(row.begun_at)


def insert_webhook(session: Session, webhook_key: str, *, now: datetime) -> None:
    """Record that an address is called from now on, unless another runner did."""
    session.execute("insert_webhook", webhook_key=webhook_key, now=format_time(now))


def find_news(session: Session, *, since: datetime) -> list[Notice]:
    """Return what happened since then, or is so now, and has no call yet, the oldest first."""
    values = {"since": format_time(since), "page_size": PAGE_SIZE}
    ended = session.fetch_all("find_ended_runs_to_announce", **values)
    stuck = session.fetch_all("find_stuck_runs_to_announce", page_size=PAGE_SIZE)
    moves = session.fetch_all("find_moves_to_announce", **values)
    return [*map(_notice, ended), *map(_notice, stuck), *map(_move_notice, moves)]


def insert_calls(session: Session, news: Iterable[Notice], *, now: datetime) -> None:
    """Store calls that are to be made, but for those that another runner stored."""
    rows = [
        _key(notice)
        | {
            "run_id": notice.run_id,
            "message": notice.message,
            "happened_at": format_time(notice.happened_at or now),
            "now": format_time(now),
        }
        for notice in news
    ]
    session.execute_many("insert_webhook_call", rows)


def fetch_due_calls(session: Session, *, since: datetime, now: datetime) -> Iterator[WaitingCall]:
    """Return the calls of what happened since then whose time has come, the oldest first."""
    values = {"since": format_time(since), "now": format_time(now), "page_size": PAGE_SIZE}
    for row in session.fetch_all("fetch_due_calls", **values):
        yield WaitingCall(_notice(row), int(row.attempt_count))


def claim_call(session: Session, call: WaitingCall, *, retry_at: datetime) -> WaitingCall | None:
    """Count an attempt and return the call with it; None if another runner was first.

    Args:
        session: of a transaction.
        call: as it was read.
        retry_at: when anybody may try again if nothing is heard of this attempt.
    """
    changed = session.execute(
        "claim_webhook_call",
        **_key(call.notice),
        attempt_count=call.attempt_count,
        retry_at=format_time(retry_at),
    )
    return WaitingCall(call.notice, call.attempt_count + 1) if changed == 1 else None


def settle_call(
    session: Session, call: WaitingCall, *, state: str, outcome: str, now: datetime
) -> None:
    """Record how an attempt ended: delivered, waiting (for another attempt) or given_up.

    Args:
        session: of a transaction.
        call: as it was claimed; nothing is recorded where another attempt was begun since.
        state: of the row from now on.
        outcome: in words.
        now: when it ended.
    """
    session.execute(
        "settle_webhook_call",
        **_key(call.notice),
        attempt_count=call.attempt_count,
        state=state,
        outcome=outcome,
        settled_at=None if state == "waiting" else format_time(now),
    )


def _key(notice: Notice) -> dict[str, object]:
    return {
        "adapter_name": notice.adapter_name,
        "event": notice.event,
        "event_number": notice.event_number,
    }


def _notice(row: Any) -> Notice:
    return Notice(
        row.adapter_name,
        row.event,
        int(row.event_number),
        row.run_id,
        row.message,
        parse_time(row.happened_at),
    )


def _move_notice(row: Any) -> Notice:
    before = "" if row.old_version is None else f" in place of v{row.old_version}"
    by = "the gate" if row.moved_by is None else row.moved_by
    return Notice(
        row.adapter_name,
        "rolled_back" if (row.old_version or 0) > row.new_version else "promoted",
        int(row.move_number),
        row.run_id,
        f"v{row.new_version} is live{before}, moved by {by}: {row.reason}",
        parse_time(row.changed_at),
    )
