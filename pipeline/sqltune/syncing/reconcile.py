"""Keeps the rows of runs honest, whoever looks: every sync, worker and status does this.

Requests that cannot be met end with a reason, wishes that cannot be met are answered, and runs that
nobody works on say so, with what a person can do. Each change is a compare-and-set of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqltune.database.clocks import DatabaseClock
from sqltune.database.connection import Database
from sqltune.database.tables import adapters, requests, states
from sqltune.database.tables.requests import Settlement
from sqltune.database.tables.states import Lease
from sqltune.errors import DatabaseError
from sqltune.records import OPEN_STATES, DesiredState, OpenRun, RunKind, RunState
from sqltune.run.next_step import NOTHING, ON_REQUEST, ON_SYNC, next_step, next_try, shorten
from sqltune.runtime import Runtime

#: What runners write into the columns of a run that is not ended.
_RESUMED = OPEN_STATES - {RunState.PAUSED.value}
_KINDS = frozenset(kind.value for kind in RunKind)

RUN_ONE = "run `sqltune sync`, or start `sqltune worker`"


@dataclass(frozen=True)
class _View:
    """The table as it was read, once."""

    open_runs: list[OpenRun]
    leases: Mapping[str, Lease]
    enabled: Mapping[str, bool]  #: of every declared adapter
    alias_requests: set[str]

    def runner_of(self, adapter_name: str) -> Lease | None:
        """Give who works on the adapter; None where nobody does, or his lease has expired."""
        lease = self.leases.get(adapter_name)
        return None if lease is None or lease.is_expired else lease


def look(runtime: Runtime) -> list[OpenRun]:
    """Tend the rows with a runner's own clock and patience."""
    return tend(
        runtime.database, now=runtime.now(), patience_seconds=runtime.settings.lease_seconds
    )


def reconcile_if_writable(database: Database, *, patience_seconds: float) -> None:
    """Reconcile the rows by the database's clock, unless this user may not write."""
    with suppress(DatabaseError):
        tend(database, now=DatabaseClock(database)(), patience_seconds=patience_seconds)


def tend(database: Database, *, now: datetime, patience_seconds: float) -> list[OpenRun]:
    """Answer what cannot be met and mark what does not go on; gives the open runs as it saw them.

    Args:
        database: where to read and write.
        now: UTC.
        patience_seconds: how long a request may wait before it is said that nobody takes it up.
    """
    view = _look(database)
    for run in view.open_runs:
        if not _answer(database, run, view, now):
            _show(database, run, view, now - timedelta(seconds=patience_seconds))
    _answer_alias_requests(database, view, now)
    return view.open_runs


def answer(runtime: Runtime, run_id: int) -> None:
    """Answer what one row asks for that cannot be met; nothing else is written."""
    view, now = _look(runtime.database), runtime.now()
    for run in view.open_runs:
        if run.run_id == run_id:
            _answer(runtime.database, run, view, now)


def _answer(database: Database, run: OpenRun, view: _View, now: datetime) -> bool:
    """Answer what cannot be met; True: that ended the run."""
    if run.is_request:
        end = _judge(run, view)
        if end is None:
            return False
        with database.transaction() as session:
            requests.settle_request(session, run.run_id, end, now=now)
        return True
    if run.desired_state not in requests.WISHES:
        with database.transaction() as session:
            requests.refuse_wish(session, run.run_id, run.desired_state, now=now)
    damage = _find_damage(run)
    if damage is not None:
        _end_unreadable(database, run, damage, now)
    return damage is not None


def _look(database: Database) -> _View:
    with database.read() as session:
        return _View(
            open_runs=requests.list_open_runs(session),
            leases=states.list_leases(session),
            enabled={a.adapter_name: a.is_enabled for a in adapters.list_adapters(session)},
            alias_requests=requests.list_alias_requests(session),
        )


def refuse(code: str, message: str) -> Settlement:
    """Give the end of a request that cannot be met."""
    return Settlement(
        RunState.FAILED,
        next_step="nothing: correct it and ask again",
        error_code=code,
        error_message=message,
    )


def refuse_disabled(adapter_name: str) -> Settlement:
    """Give the end of a request for an adapter that is switched off."""
    return refuse(
        "adapter_disabled",
        f"adapter {adapter_name!r} is disabled: set its is_enabled to 1 first",
    )


def _judge(run: OpenRun, view: _View) -> Settlement | None:
    """Give the end of a request that no runner will take up; None where one can."""
    if run.desired_state == DesiredState.CANCELLED:
        return Settlement(RunState.CANCELLED, next_step=NOTHING)
    if run.state != RunState.QUEUED:
        return refuse(
            "request_refused", f"a request begins as queued, not {run.state!r}: leave state out"
        )
    if run.desired_state not in requests.WISHES:
        words = ", ".join(wish.value for wish in DesiredState)
        return refuse(
            "request_refused", f"desired_state {run.desired_state!r} must be one of {words}"
        )
    if run.adapter_name not in view.enabled:
        known = ", ".join(sorted(view.enabled)) or "none"
        return refuse(
            "unknown_adapter",
            f"no adapter named {run.adapter_name!r} in table adapters (there are: {known})",
        )
    return None if view.enabled[run.adapter_name] else refuse_disabled(run.adapter_name)


def _find_damage(run: OpenRun) -> str | None:
    """Say what a begun run's row says that no runner writes; None: nothing.

    Somebody changed it by hand, and no runner can tell where to go on.
    """
    if run.state not in OPEN_STATES:
        return f"state {run.state!r}"
    if run.run_kind not in _KINDS:
        return f"run_kind {run.run_kind!r}"
    if run.state == RunState.PAUSED and run.resume_state not in _RESUMED:
        return f"resume_state {run.resume_state!r}"
    return None


def _end_unreadable(database: Database, run: OpenRun, damage: str, now: datetime) -> None:
    step = ON_REQUEST if run.is_trial else next_try(now)
    message = f"no runner writes the {damage} of this row, and so none can go on with it: {step}"
    with database.transaction() as session:
        is_ended = requests.end_unreadable(session, run, message, next_step=step, now=now)
        if is_ended and not run.is_trial:
            states.set_retry_at(session, run.adapter_name, now)


def _show(database: Database, run: OpenRun, view: _View, too_long_ago: datetime) -> None:
    """Write why the run does not go on and what comes next, where that is not said yet."""
    runner = view.runner_of(run.adapter_name)
    is_at_work = runner is not None and runner.run_id == run.run_id
    if is_at_work:
        return  # its runner says all this itself
    if run.is_request:
        step = _next_of_request(run, runner)
        is_late = run.queued_at is not None and run.queued_at < too_long_ago
        is_wanted = run.desired_state == DesiredState.RUNNING and runner is None
        reason = f"no runner took it up: {RUN_ONE}" if is_late and is_wanted else None
    else:
        step, reason = _next_of_run(run), _find_stuck(run, view)
    if step != run.next_step or reason != run.stuck_reason:
        with database.transaction() as session:
            requests.show_waiting(session, run, next_step=step, stuck=reason)


def _next_of_request(run: OpenRun, runner: Lease | None) -> str:
    if run.desired_state == DesiredState.PAUSED:
        return "held: a runner takes it up when desired_state is 'running'"
    if runner is None:
        return "a sync or worker takes it up"
    return shorten(f"waits for {runner.owner}, who works on this adapter")


def _next_of_run(run: OpenRun) -> str:
    if run.state == RunState.PAUSED and run.desired_state == DesiredState.PAUSED:
        return next_step(RunState.PAUSED)
    if run.desired_state == DesiredState.CANCELLED:
        return "the next sync or worker ends it"
    return ON_SYNC


def _find_stuck(run: OpenRun, view: _View) -> str | None:
    """Say why nobody works on a run that was begun, and what a person can do; None: it is held."""
    if run.adapter_name not in view.enabled:
        return (
            f"table adapters has no {run.adapter_name!r} any more: insert it again, or "
            "set desired_state to 'cancelled'"
        )
    if run.state == RunState.PAUSED and run.desired_state == DesiredState.PAUSED:
        return None
    lease = view.leases.get(run.adapter_name)
    heard = f"{run.last_alive_at:%Y-%m-%d %H:%M:%S} UTC" if run.last_alive_at else "never"
    if lease is not None and lease.is_expired:
        return f"its runner {lease.owner} was last heard of at {heard}: {RUN_ONE} to go on"
    if lease is not None:
        return None  # its adapter is in a runner's hands, who comes to it
    return f"nobody works on it since {heard}: {RUN_ONE} to go on"


def _answer_alias_requests(database: Database, view: _View, now: datetime) -> None:
    for name in view.alias_requests - view.enabled.keys():
        with database.transaction() as session:
            reason = f"no adapter named {name!r} in table adapters"
            requests.refuse_alias_requests(session, name, reason, now=now)
