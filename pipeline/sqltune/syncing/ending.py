"""How a run ends or is paused: written to its row under its adapter's lease."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, timedelta

from sqltune.database.connection import Session
from sqltune.database.tables import run_events, runs, states
from sqltune.errors import PipelineError
from sqltune.planning.pausing import LONGEST_PAUSE, PAUSING
from sqltune.planning.refusing import internal_error
from sqltune.records import DesiredState, Run, RunKind, RunState
from sqltune.run.next_step import (
    ON_CHANGE,
    ON_PREDICTION,
    ON_REQUEST,
    ON_SCHEDULE,
    ON_SYNC,
    next_step,
    next_try,
)
from sqltune.runtime import Runtime
from sqltune.syncing.lease import AdapterLease

logger = logging.getLogger(__name__)

#: What follows a trial that its schedule asks for.
_AFTER_TRIAL = {RunKind.REEVALUATE: ON_SCHEDULE, RunKind.PREDICT: ON_PREDICTION}


def failed_end(runtime: Runtime, error: BaseException, failures_before: int) -> runs.RunEnd:
    """Return the end of a run that failed, with the time of its next attempt if it has one."""
    failures = failures_before + 1
    # A full disk or a folder without permission is repaired without any row being changed.
    is_retryable = isinstance(error, OSError) or getattr(error, "retryable", False)
    if not isinstance(error, PipelineError | OSError):
        error = internal_error(error)
    at = runtime.now() + _pause(runtime, failures) if is_retryable else None
    is_last = failures >= runtime.settings.max_attempts and _code(error) not in PAUSING
    return runs.RunEnd(
        state=RunState.FAILED,
        error_code=_code(error),
        error_message=str(error) or type(error).__name__,
        is_retryable=is_retryable,
        failure_count=failures,
        next_attempt_at=at,
        next_step=next_try(None if is_last else at),
    )


def _pause(runtime: Runtime, failures: int) -> timedelta:
    doublings = min(failures - 1, 30)  # beyond them a float has no time left
    seconds = runtime.settings.retry_wait_seconds * 2**doublings
    return timedelta(seconds=min(seconds, LONGEST_PAUSE.total_seconds()))


def cancelled_end(code: str | None, message: str) -> runs.RunEnd:
    """Return the end of a run that a person cancelled."""
    return runs.RunEnd(RunState.CANCELLED, code, message, next_step=ON_CHANGE)


def refused_end(code: str, message: str) -> runs.RunEnd:
    """Return the end of a request that cannot be carried out."""
    return runs.RunEnd(
        RunState.FAILED,
        code,
        message,
        is_retryable=False,
        failure_count=None,
        next_step="nothing: correct it and ask again",
    )


def disabled_end(adapter_name: str) -> runs.RunEnd:
    """Return the end of a request for a disabled adapter."""
    message = f"adapter {adapter_name!r} is disabled: set its is_enabled to 1 first"
    return refused_end("adapter_disabled", message)


def pause_run(lease: AdapterLease, run_id: int) -> None:
    """Pause a run; it keeps its adapter, and resumes from where it stopped."""
    lease.runtime.reporter.finish()
    now = lease.runtime.now()
    with lease.runtime.database.transaction(lease.claim) as session:
        run = runs.get_run(session, run_id)
        if run is not None and not run.state.is_ended:
            _write_pause(session, run, f"paused while {run.state.value}", now)
    log_end(run_id, "run_paused", "paused")


def end_run(lease: AdapterLease, run_id: int, end: runs.RunEnd) -> None:
    """Record how a run ended, unless it has ended already, or is to be paused and may resume."""
    lease.runtime.reporter.finish()
    with lease.runtime.database.transaction(lease.claim) as session:
        state = write_end(session, lease, run_id, end)
    events = {RunState.FAILED: "run_failed", RunState.PAUSED: "run_paused"}
    log_end(run_id, events.get(state, "run_ended"), state.value)


def cancel_run(lease: AdapterLease, run_id: int) -> None:
    """End a run because a person asked for it."""
    end_run(lease, run_id, cancelled_end(None, "cancelled"))


def write_end(session: Session, lease: AdapterLease, run_id: int, end: runs.RunEnd) -> RunState:
    """Record how a run ended in the open transaction; return the state that it is in afterwards."""
    now = lease.runtime.now()
    run = runs.get_run(session, run_id)
    if run is None:
        return end.state
    if run.desired_state == DesiredState.PAUSED and end.is_retryable:
        # A new run in its place would continue what a person wants to be paused.
        message = f"paused while {run.state.value}, where it failed: {end.error_message}"
        _write_pause(session, run, message, now)
        return RunState.PAUSED
    end = _apply_desired_state(run, end)
    if not runs.end_run(session, run, end, now=now):
        return run.state
    run_events.add_event(
        session, run_id, end.state.value, end.error_message or end.state.value, now=now
    )
    states.clear_current_run(session, lease.adapter_name, _retry_time(lease.runtime, run, end))
    return end.state


def record_resumable(lease: AdapterLease, run_id: int) -> None:
    """Record that the next sync resumes the run; if that fails, reconciling records it later."""
    try:
        with lease.runtime.database.transaction(lease.claim) as session:
            runs.set_next_step(session, run_id, ON_SYNC)
    except PipelineError:
        logger.debug("the next step of run %s could not be recorded", run_id)


def log_end(run_id: int, event: str, what: str) -> None:
    """Log how this runner finished with a run."""
    logger.info("run %s: %s", run_id, what, extra={"event": event, "run_id": run_id})


def _write_pause(session: Session, run: Run, message: str, now: datetime) -> None:
    step = next_step(RunState.PAUSED)
    runs.set_run_state(session, run, RunState.PAUSED, next_step=step, now=now)
    run_events.add_event(session, run.run_id, "paused", message, now=now)


def _retry_time(runtime: Runtime, run: Run, end: runs.RunEnd) -> states.RetryTime | None:
    """Return when a worker tries again; a trial leaves the adapter's own time unchanged."""
    if run.is_trial:
        return None
    is_last = (end.failure_count or 0) >= runtime.settings.max_attempts
    return states.RetryTime(None if is_last else end.next_attempt_at)


def _apply_desired_state(run: Run, end: runs.RunEnd) -> runs.RunEnd:
    if run.desired_state == DesiredState.CANCELLED:
        # The run may have failed before its runner read the desired state; a failed run would be
        # tried again.
        end = cancelled_end(end.error_code, end.error_message or RunState.CANCELLED.value)
    if run.is_trial:
        step = _AFTER_TRIAL.get(run.run_kind or RunKind.TRAIN, ON_REQUEST)
        return replace(end, next_attempt_at=None, next_step=step)
    return end


def _code(error: BaseException) -> str:
    return error.code if isinstance(error, PipelineError) else "os_error"
