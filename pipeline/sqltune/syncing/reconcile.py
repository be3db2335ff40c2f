"""Reconcile the rows of runs with what people ask for and which runners are alive.

Every sync, worker and `status` does this: requests that cannot be carried out end with a reason,
impossible desired states are answered, and stuck runs record why they are stuck and what a person
can do. Each change is a compare-and-set of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqltune.database.clocks import DatabaseClock
from sqltune.database.connection import Database, Session
from sqltune.database.tables import adapters, requests, run_events, runs, states
from sqltune.database.tables.states import Lease
from sqltune.errors import DatabaseError
from sqltune.records import ENDED_STATES, OPEN_STATES, DesiredState, OpenRun, RunKind, RunState
from sqltune.run.next_step import NOTHING, ON_REQUEST, ON_SYNC, next_step, next_try, shorten
from sqltune.runtime import Runtime
from sqltune.settings import Settings
from sqltune.suggestions import no_adapter
from sqltune.syncing.ending import cancelled_end, disabled_end, refused_end

#: The states that a paused run can resume with.
_RESUMABLE = OPEN_STATES - {RunState.PAUSED.value}
_KINDS = frozenset(kind.value for kind in RunKind)

START_A_RUNNER = "run `sqltune sync`, or start `sqltune worker`"


@dataclass(frozen=True)
class Snapshot:
    """The rows that reconciling compares, read once."""

    open_runs: list[OpenRun]
    leases: Mapping[str, Lease]
    enabled: Mapping[str, bool]  #: whether each declared adapter is enabled
    alias_requests: set[str]
    max_attempts: int  #: runners in a row that may die with a run

    def find_runner(self, adapter_name: str) -> Lease | None:
        """Return the lease of the adapter's runner; None if it has none or its lease expired."""
        lease = self.leases.get(adapter_name)
        return None if lease is None or lease.is_expired else lease


@dataclass(frozen=True)
class Reconciliation:
    """The open runs as they were read, and the ends that reconciling gave some of them."""

    open_runs: list[OpenRun]
    ended: list[tuple[OpenRun, runs.RunEnd]]


def reconcile(runtime: Runtime) -> Reconciliation:
    """Reconcile the rows with a runner's own clock and patience."""
    return reconcile_rows(runtime.database, runtime.settings, now=runtime.now())


def reconcile_if_writable(database: Database, settings: Settings) -> None:
    """Reconcile the rows by the database's clock, unless this user may not write."""
    with suppress(DatabaseError):
        reconcile_rows(database, settings, now=DatabaseClock(database)())


def reconcile_rows(database: Database, settings: Settings, *, now: datetime) -> Reconciliation:
    """Answer what cannot be carried out, and mark stuck runs.

    Args:
        database: where to read and write.
        settings: a request may wait for lease_seconds before it is marked as waiting for a runner.
        now: UTC.
    """
    snapshot = read_snapshot(database, settings)
    waits_since = now - timedelta(seconds=settings.lease_seconds)
    ended = []
    for run in snapshot.open_runs:
        end = _answer(database, run, snapshot, now)
        if end is None:
            _record_progress(database, run, snapshot, waits_since)
        else:
            ended.append((run, end))
    _refuse_alias_requests(database, snapshot, now)
    return Reconciliation(snapshot.open_runs, ended)


def reconcile_run(runtime: Runtime, run_id: int) -> None:
    """Answer what one row asks for that cannot be carried out; nothing else is written."""
    database, now = runtime.database, runtime.now()
    with database.read() as session:
        run = requests.get_open_run(session, run_id)
        enabled = _read_enabled(session)
    if run is None or run.state in ENDED_STATES:
        return
    if not run.is_request:
        _answer_begun(database, run, now)
    elif (end := find_request_end(run, enabled)) is not None:
        with database.transaction() as session:
            runs.end_request(session, run_id, end, now=now)


def read_snapshot(database: Database, settings: Settings) -> Snapshot:
    """Read the rows that reconciling compares."""
    with database.read() as session:
        return Snapshot(
            open_runs=requests.list_open_runs(session),
            leases=states.list_leases(session, lease_seconds=settings.lease_seconds),
            enabled=_read_enabled(session),
            alias_requests=requests.list_alias_requests(session),
            max_attempts=settings.max_attempts,
        )


def _read_enabled(session: Session) -> dict[str, bool]:
    return {a.adapter_name: a.is_enabled for a in adapters.list_adapters(session)}


def find_request_end(run: OpenRun, enabled: Mapping[str, bool]) -> runs.RunEnd | None:
    """Return the end of a request that no runner will take up; None if one can.

    Args:
        run: the request.
        enabled: whether each declared adapter is enabled.
    """
    if run.desired_state == DesiredState.CANCELLED:
        return runs.RunEnd(RunState.CANCELLED, failure_count=None, next_step=NOTHING)
    if run.state != RunState.QUEUED:
        return refused_end(
            "request_refused", f"a request begins as queued, not {run.state!r}: omit state"
        )
    if run.desired_state not in requests.DESIRED_STATES:
        words = ", ".join(state.value for state in DesiredState)
        return refused_end(
            "request_refused", f"desired_state {run.desired_state!r} must be one of {words}"
        )
    if run.adapter_name not in enabled:
        return refused_end("unknown_adapter", no_adapter(run.adapter_name, enabled))
    return None if enabled[run.adapter_name] else disabled_end(run.adapter_name)


def find_damage(run: OpenRun) -> str | None:
    """Return the word in a begun run's row that no runner writes, if there is one.

    A person changed it by hand, so no runner knows where the run continues.
    """
    if run.state not in OPEN_STATES:
        return f"state {run.state!r}"
    if run.run_kind not in _KINDS:
        return f"run_kind {run.run_kind!r}"
    if run.state == RunState.PAUSED and run.resume_state not in _RESUMABLE:
        return f"resume_state {run.resume_state!r}"
    return None


def find_stuck_reason(run: OpenRun, snapshot: Snapshot) -> str | None:
    """Return why no runner works on a begun run and what a person can do; None if it is paused."""
    if run.adapter_name not in snapshot.enabled:
        return (
            f"table adapters no longer has {run.adapter_name!r}: insert it again, or "
            "set desired_state to 'cancelled'"
        )
    if _is_paused(run):
        return None
    lease = snapshot.leases.get(run.adapter_name)
    last_alive = f"{run.last_alive_at:%Y-%m-%d %H:%M:%S} UTC" if run.last_alive_at else "never"
    if lease is not None and lease.is_expired:
        return (
            f"its runner {lease.owner} was last alive at {last_alive}: {_advise(lease, snapshot)}"
        )
    if lease is not None:
        return None  # a runner has its adapter and resumes the run next
    return f"no runner works on it since {last_alive}: {START_A_RUNNER} to resume the run"


def _advise(lease: Lease, snapshot: Snapshot) -> str:
    """Return what becomes of a run whose runner died; from a number of deaths on it fails."""
    deaths = lease.crash_count + 1
    if deaths < snapshot.max_attempts:
        return f"{START_A_RUNNER} to resume the run"
    return (
        f"{deaths} in a row died with it, so the next sync or worker ends the run as failed "
        "(runner_died); look for what kills them"
    )


def _answer(
    database: Database, run: OpenRun, snapshot: Snapshot, now: datetime
) -> runs.RunEnd | None:
    """Answer what cannot be carried out; return the end of the run if that ended it."""
    if not run.is_request:
        return _answer_begun(database, run, now)
    end = find_request_end(run, snapshot.enabled)
    if end is None:
        return None
    with database.transaction() as session:
        return end if requests.end_open_requests(session, run, end, now=now) else None


def _answer_begun(database: Database, run: OpenRun, now: datetime) -> runs.RunEnd | None:
    if run.desired_state not in requests.DESIRED_STATES:
        with database.transaction() as session:
            requests.refuse_desired_state(session, run.run_id, run.desired_state, now=now)
    damage = find_damage(run)
    return None if damage is None else _end_unreadable(database, run, damage, now)


def _end_unreadable(
    database: Database, run: OpenRun, damage: str, now: datetime
) -> runs.RunEnd | None:
    step = ON_REQUEST if run.is_trial else next_try(now)
    message = f"no runner writes the {damage} of this row, so none can continue it: {step}"
    if run.desired_state == DesiredState.CANCELLED:
        end = cancelled_end("unreadable_run", message)
    else:
        end = runs.RunEnd(
            RunState.FAILED,
            "unreadable_run",
            message,
            is_retryable=True,
            failure_count=None,
            next_step=step,
        )
    with database.transaction() as session:
        if not runs.end_unreadable_run(session, run, end, now=now):
            return None
        run_events.add_event(session, run.run_id, end.state.value, message, now=now)
        if end.is_retryable and not run.is_trial:
            states.set_retry_at(session, run.adapter_name, now)
    return end


def _record_progress(
    database: Database, run: OpenRun, snapshot: Snapshot, waits_since: datetime
) -> None:
    """Record what comes next and why the run is stuck, unless the row already says so."""
    runner = snapshot.find_runner(run.adapter_name)
    if runner is not None and runner.run_id == run.run_id:
        return  # its runner records this itself
    if run.is_request:
        step = _next_of_request(run, runner)
        is_late = run.queued_at is not None and run.queued_at < waits_since
        is_wanted = run.desired_state == DesiredState.RUNNING and runner is None
        reason = f"no runner has taken it up: {START_A_RUNNER}" if is_late and is_wanted else None
    else:
        step, reason = _next_of_run(run), find_stuck_reason(run, snapshot)
    if step != run.next_step or reason != run.stuck_reason:
        show = requests.show_requests_waiting if run.is_request else requests.show_waiting
        with database.transaction() as session:
            show(session, run, next_step=step, stuck=reason)


def _next_of_request(run: OpenRun, runner: Lease | None) -> str:
    if run.desired_state == DesiredState.PAUSED:
        return "paused: a runner takes it up when desired_state is 'running'"
    if runner is None:
        return "a sync or worker takes it up"
    return shorten(f"waits for {runner.owner}, who works on this adapter")


def _next_of_run(run: OpenRun) -> str:
    if _is_paused(run):
        return next_step(RunState.PAUSED)
    if run.desired_state == DesiredState.CANCELLED:
        return "the next sync or worker ends it"
    return ON_SYNC


def _is_paused(run: OpenRun) -> bool:
    return run.state == RunState.PAUSED and run.desired_state == DesiredState.PAUSED


def _refuse_alias_requests(database: Database, snapshot: Snapshot, now: datetime) -> None:
    for name in snapshot.alias_requests - snapshot.enabled.keys():
        with database.transaction() as session:
            reason = no_adapter(name, snapshot.enabled)
            requests.refuse_alias_requests(session, name, reason, now=now)
