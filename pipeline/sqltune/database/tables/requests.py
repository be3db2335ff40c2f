"""What people ask for in `runs`: runs that no runner has begun, wishes about those that one has.

A request is a row without a run_key. Whoever takes one up does so by compare-and-set, so that a row
that was withdrawn meanwhile stays withdrawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqltune.database.connection import Session
from sqltune.database.tables.runs import NewRun, add_event, row_values
from sqltune.database.times import format_time, parse_time
from sqltune.records import DesiredState, OpenRun, RunRequest, RunState

#: The words that people may write into runs.desired_state.
WISHES = frozenset(wish.value for wish in DesiredState)


@dataclass(frozen=True, slots=True)
class Settlement:
    """How a request ends that needs no run, or cannot have one."""

    state: RunState
    next_step: str
    trigger_reason: str | None = None  #: None: the person's own words stay
    version_number: int | None = None
    error_code: str | None = None
    error_message: str | None = None


@dataclass(frozen=True, slots=True)
class Scheduled:
    """What decides when a worker syncs an adapter."""

    adapter_name: str
    is_enabled: bool
    sync_every: str | None  #: None: when a row asks
    decided_at: datetime | None  #: None: nobody has looked at it yet
    retry_at: datetime | None  #: None: nothing waits to be tried again


def list_open_runs(session: Session) -> list[OpenRun]:
    """Give every run that is not ended, requests too, in the order of their time."""
    return [_open_run(row) for row in session.fetch_all("list_open_runs")]


def list_requests(session: Session, adapter_name: str) -> list[RunRequest]:
    """Give an adapter's requests that nobody holds back, in the order of their time."""
    return [
        RunRequest(
            run_id=row.run_id,
            adapter_name=adapter_name,
            backend=row.backend,
            base_model=row.base_model,
            manifest_id=row.manifest_id,
            is_forced=bool(row.is_forced),
            trigger_reason=row.trigger_reason,
        )
        for row in session.fetch_all("list_requests", adapter_name=adapter_name)
    ]


def adopt_run(session: Session, run_id: int, run: NewRun, *, now: datetime) -> bool:
    """Make a request a run of ours; False when it was withdrawn or settled meanwhile."""
    values = row_values(run, now)
    del values["adapter_name"]
    return session.execute("adopt_run", run_id=run_id, **values) == 1


def settle_request(session: Session, run_id: int, end: Settlement, *, now: datetime) -> bool:
    """End a request at once; False when a runner has begun it or it has ended."""
    matched = session.execute(
        "settle_request",
        run_id=run_id,
        state=end.state.value,
        version_number=end.version_number,
        trigger_reason=end.trigger_reason,
        error_code=end.error_code,
        error_message=end.error_message,
        is_retryable=0 if end.state is RunState.FAILED else None,
        next_step=end.next_step,
        now=format_time(now),
    )
    return matched == 1


def set_desired_state(session: Session, run_id: int, *, old: str, new: DesiredState) -> bool:
    """Answer a wish that cannot be met; False when the person has changed it since."""
    matched = session.execute(
        "set_desired_state", run_id=run_id, desired_state=new.value, old_desired_state=old
    )
    return matched == 1


def show_waiting(session: Session, run: OpenRun, *, next_step: str, stuck: str | None) -> bool:
    """Say what a run that nobody works on waits for; False when a runner took it up meanwhile."""
    matched = session.execute(
        "show_waiting",
        run_id=run.run_id,
        state=run.state,
        attempt_count=run.attempt_count,
        next_step=next_step,
        is_stuck=int(stuck is not None),
        stuck_reason=stuck,
    )
    return matched == 1


def refuse_wish(session: Session, run_id: int, wish: str, *, now: datetime) -> None:
    """Answer a desired_state that is no word of ours: it becomes running, and an event says why."""
    if set_desired_state(session, run_id, old=wish, new=DesiredState.RUNNING):
        words = ", ".join(wish.value for wish in DesiredState)
        message = f"desired_state {wish!r} is refused: it must be one of {words}"
        add_event(session, run_id, "wish_refused", message, now=now)


def end_unreadable(
    session: Session, run: OpenRun, message: str, *, next_step: str, now: datetime
) -> bool:
    """End a run whose row somebody changed so that no runner can go on with it; False when the row
    was changed again.
    """
    matched = session.execute(
        "end_unreadable",
        run_id=run.run_id,
        state=run.state,
        message=message,
        next_step=next_step,
        now=format_time(now),
    )
    if matched == 1:
        add_event(session, run.run_id, RunState.FAILED.value, message, now=now)
    return matched == 1


def get_sight(session: Session, run_id: int) -> OpenRun | None:
    """Give what the keeper of a run's lease looks at; None when the row was deleted."""
    row = session.fetch_one("get_sight", run_id=run_id)
    return _open_run(row) if row is not None else None


def list_schedule(session: Session) -> list[Scheduled]:
    """Give what decides when a worker syncs each adapter."""
    return [
        Scheduled(
            row.adapter_name,
            bool(row.is_enabled),
            row.sync_every,
            parse_time(row.decided_at),
            parse_time(row.retry_at),
        )
        for row in session.fetch_all("list_schedule")
    ]


def list_alias_requests(session: Session) -> set[str]:
    """Give the adapters for which somebody asked to move an alias."""
    return {row.adapter_name for row in session.fetch_all("list_alias_requests")}


def refuse_alias_requests(
    session: Session, adapter_name: str, reason: str, *, now: datetime
) -> None:
    """Answer requests about an adapter that is not declared."""
    session.execute(
        "refuse_alias_requests", adapter_name=adapter_name, reason=reason, now=format_time(now)
    )


def _open_run(row: Any) -> OpenRun:
    return OpenRun(
        run_id=row.run_id,
        adapter_name=row.adapter_name,
        state=row.state,
        desired_state=row.desired_state,
        is_request=row.run_key is None,
        run_kind=row.run_kind,
        is_trial=bool(row.is_trial),
        resume_state=row.resume_state,
        queued_at=parse_time(row.queued_at),
        last_alive_at=parse_time(row.last_alive_at),
        is_stuck=bool(row.is_stuck),
        stuck_reason=row.stuck_reason,
        next_step=row.next_step,
        attempt_count=row.attempt_count,
        steps_done=row.steps_done,
        responses_stored=row.responses_stored,
    )
