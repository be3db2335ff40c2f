"""What people ask for in `runs`: new runs, and the desired state of runs that have begun.

A request is a row without a run_key. A runner takes it up by compare-and-set, so that a request
that was withdrawn in the meantime stays withdrawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqltune.database.connection import Session
from sqltune.database.tables.run_events import add_event
from sqltune.database.tables.runs import NewRun, RunEnd, end_values, row_values
from sqltune.database.times import format_time, parse_time
from sqltune.records import Adapter, DesiredState, OpenRun, RunRequest, parse_flag

#: Rows that one scan reads; what is beyond them comes with a later one.
_MOST_ROWS = 10_000
#: Kinds of requests of one adapter that a plan names.
_MOST_KINDS = 20
#: The words that people may write into runs.desired_state.
DESIRED_STATES = frozenset(state.value for state in DesiredState)


@dataclass(frozen=True, slots=True)
class EqualRequests:
    """The last of an adapter's requests that were there, and equal, before it was planned."""

    run_id: int
    queued_at: datetime


@dataclass(frozen=True, slots=True)
class Scheduled:
    """What decides when a worker syncs an adapter."""

    adapter_name: str
    is_enabled: bool
    sync_every: str | None  #: None: only when a row asks
    decided_at: datetime | None  #: None: no sync has decided anything yet
    retry_at: datetime | None  #: None: no attempt is due again
    reevaluate_every: str | None = None  #: None: what is live is not evaluated again
    reevaluated_at: datetime | None = None  #: None: never
    predict_every: str | None = None  #: None: rows are answered at each sync, or not at all
    predicted_at: datetime | None = None  #: None: never
    live_since: datetime | None = None  #: None: nothing is live


def list_open_runs(session: Session) -> list[OpenRun]:
    """Return the runs that have not ended, equal requests as one, in the order of their time."""
    found = [_open_run(row) for row in session.fetch_all("list_open_runs", row_limit=_MOST_ROWS)]
    rows = session.fetch_all("list_open_requests", row_limit=_MOST_ROWS)
    found += [_open_run(row) for row in rows]
    return sorted(found, key=lambda run: (run.queued_at or datetime.min, run.run_id))


def find_request(session: Session, adapter_name: str) -> RunRequest | None:
    """Return the first of an adapter's requests that are not paused, if any."""
    row = session.fetch_one("find_request", adapter_name=adapter_name)
    return None if row is None else _request(row, adapter_name, row.trigger_reason)


@dataclass(frozen=True, slots=True)
class EqualAsked:
    """Requests that ask for the same, whatever reason they give."""

    request: RunRequest  #: the first of them
    count: int


def list_asked(session: Session, adapter_name: str) -> list[EqualAsked]:
    """Return an adapter's requests that are not paused, equal ones together; the first kinds."""
    rows = session.fetch_all("list_asked", adapter_name=adapter_name, row_limit=_MOST_KINDS)
    return [
        EqualAsked(_request(row, adapter_name, trigger_reason=None), int(row.request_count))
        for row in rows
    ]


def find_newest_request(session: Session, adapter_name: str) -> int:
    """Return the greatest id among an adapter's requests; 0 if there is none."""
    row = session.fetch_one("find_newest_request", adapter_name=adapter_name)
    return int(row.run_id or 0) if row is not None else 0


def end_equal_requests(
    session: Session, adapter: Adapter, end: RunEnd, *, until: EqualRequests, now: datetime
) -> int:
    """Answer all requests that ask for no more than the next sync would do; return how many.

    Args:
        session: the fenced transaction.
        adapter: the row that was planned.
        end: how they end; a person's own trigger_reason stays.
        until: the last of them.
        now: UTC.
    """
    return session.execute(
        "end_equal_requests",
        adapter_name=adapter.adapter_name,
        backend=adapter.backend,
        base_model=adapter.base_model,
        newest_run_id=until.run_id,
        queued_until=format_time(until.queued_at),
        **end_values(end, now),
    )


def end_open_requests(session: Session, group: OpenRun, end: RunEnd, *, now: datetime) -> int:
    """End the requests that one `OpenRun` stands for; return how many there were."""
    values = end_values(end, now)
    return session.execute("end_open_requests", **_group(group), **values)


def adopt_run(session: Session, run_id: int, run: NewRun, *, now: datetime) -> bool:
    """Turn a request into a run; return False if it was withdrawn or answered in the meantime."""
    values = row_values(run, now)
    del values["adapter_name"]
    return session.execute("adopt_run", run_id=run_id, **values) == 1


def set_desired_state(session: Session, run_id: int, *, old: str, new: DesiredState) -> bool:
    """Replace a desired state; return False if the person has changed it since it was read."""
    matched = session.execute(
        "set_desired_state", run_id=run_id, desired_state=new.value, old_desired_state=old
    )
    return matched == 1


def show_waiting(session: Session, run: OpenRun, *, next_step: str, stuck: str | None) -> bool:
    """Record what a run without a runner waits for; return False if a runner has taken it up."""
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


def show_requests_waiting(
    session: Session, group: OpenRun, *, next_step: str, stuck: str | None
) -> None:
    """Record what the requests that one `OpenRun` stands for wait for."""
    session.execute(
        "show_requests_waiting",
        **_group(group),
        next_step=next_step,
        is_stuck=int(stuck is not None),
        stuck_reason=stuck,
    )


def refuse_desired_state(session: Session, run_id: int, refused: str, *, now: datetime) -> None:
    """Replace a desired state that is not one of our words by `running`, and record why."""
    if set_desired_state(session, run_id, old=refused, new=DesiredState.RUNNING):
        words = ", ".join(state.value for state in DesiredState)
        message = f"desired_state {refused!r} is refused: it must be one of {words}"
        add_event(session, run_id, "desired_state_refused", message, now=now)


def get_open_run(session: Session, run_id: int) -> OpenRun | None:
    """Return what the lease keeper reads of its run, or None if the row was deleted."""
    row = session.fetch_one("get_open_run", run_id=run_id)
    return _open_run(row) if row is not None else None


def list_schedule(session: Session) -> list[Scheduled]:
    """Return what decides when a worker syncs each adapter."""
    return [
        Scheduled(
            row.adapter_name,
            parse_flag(row.is_enabled) is not False,  # the plan refuses other words
            row.sync_every,
            parse_time(row.decided_at),
            parse_time(row.retry_at),
            row.reevaluate_every,
            parse_time(row.reevaluated_at),
            row.predict_every,
            parse_time(row.predicted_at),
            parse_time(row.live_since),
        )
        for row in session.fetch_all("list_schedule")
    ]


def list_alias_requests(session: Session) -> set[str]:
    """Return the adapters with a pending request to move an alias."""
    return {row.adapter_name for row in session.fetch_all("list_alias_requests")}


def refuse_alias_requests(
    session: Session, adapter_name: str, reason: str, *, now: datetime
) -> None:
    """Refuse alias requests about an adapter that is not declared."""
    session.execute(
        "refuse_alias_requests", adapter_name=adapter_name, reason=reason, now=format_time(now)
    )


def _request(row: Any, adapter_name: str, trigger_reason: str | None) -> RunRequest:
    return RunRequest(
        run_id=row.run_id,
        adapter_name=adapter_name,
        backend=row.backend,
        base_model=row.base_model,
        manifest_id=row.manifest_id,
        is_forced=parse_flag(row.is_forced),
        trigger_reason=trigger_reason,
        from_run_id=row.from_run_id,
        from_epoch=row.from_epoch,
        run_kind=row.run_kind,
        version_number=row.version_number,
        queued_at=parse_time(row.queued_at),
    )


def _group(group: OpenRun) -> dict[str, object]:
    return {
        "adapter_name": group.adapter_name,
        "old_state": group.state,
        "old_desired_state": group.desired_state,
        "old_next_step": group.next_step or "",
        "old_stuck_reason": group.stuck_reason or "",
        "newest_run_id": group.last_run_id,
    }


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
        count=row.request_count,
        last_run_id=row.last_run_id,
    )
