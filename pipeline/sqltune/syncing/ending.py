"""How a run ends, or is held where it stands: written into its row under its adapter's lease."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime

from sqltune.database.connection import Session
from sqltune.database.tables import runs, states
from sqltune.errors import PipelineError
from sqltune.records import DesiredState, Run, RunState
from sqltune.run.next_step import ON_CHANGE, ON_REQUEST, ON_SYNC, next_step
from sqltune.syncing.lease import Held

logger = logging.getLogger(__name__)


def hold_run(held: Held, run_id: int) -> None:
    """Write that the run is held; it keeps the adapter, and goes on where it stands."""
    held.runtime.reporter.finish()
    now = held.runtime.now()
    with held.runtime.database.transaction(held.claim) as session:
        run = runs.get_run(session, run_id)
        if run is not None and not run.state.is_ended:
            _write_hold(session, run, f"held while {run.state.value}", now)
    log_end(run_id, "run_paused", "held")


def _write_hold(session: Session, run: Run, message: str, now: datetime) -> None:
    step = next_step(RunState.PAUSED)
    runs.set_run_state(session, run, RunState.PAUSED, next_step=step, now=now)
    runs.add_event(session, run.run_id, "paused", message, now=now)


def end_run(held: Held, run_id: int, end: runs.RunEnd) -> None:
    """Write how a run ended, unless it has ended already, or is to be held and may go on later."""
    held.runtime.reporter.finish()
    with held.runtime.database.transaction(held.claim) as session:
        state = write_end(session, held, run_id, end)
    events = {RunState.FAILED: "run_failed", RunState.PAUSED: "run_paused"}
    log_end(run_id, events.get(state, "run_ended"), state.value)


def cancel_run(held: Held, run_id: int) -> None:
    """End a run because a person asked for it."""
    end_run(held, run_id, cancelled(None, "cancelled"))


def cancelled(code: str | None, message: str) -> runs.RunEnd:
    """Give the end of a run that a person asked for."""
    return runs.RunEnd(RunState.CANCELLED, code, message, next_step=ON_CHANGE)


def write_end(session: Session, held: Held, run_id: int, end: runs.RunEnd) -> RunState:
    """Write how a run ended into the open transaction; gives the state that it came to."""
    now, name = held.runtime.now(), held.claim.adapter_name
    run = runs.get_run(session, run_id)
    if run is None:
        return end.state
    if run.desired_state == DesiredState.PAUSED and end.is_retryable:
        # A new run in its place would go on with what a person wants to be held.
        message = f"held while {run.state.value}, where it went wrong: {end.error_message}"
        _write_hold(session, run, message, now)
        return RunState.PAUSED
    end = _as_wanted(run, end)
    if not runs.end_run(session, run, end, now=now):
        return run.state
    message = end.error_message or end.state.value
    runs.add_event(session, run_id, end.state.value, message, now=now)
    states.set_current_run(session, name, None)
    if not run.is_trial:
        is_last = end.failure_count >= held.runtime.settings.max_attempts
        states.set_retry_at(session, name, None if is_last else end.next_attempt_at)
    return end.state


def _as_wanted(run: Run, end: runs.RunEnd) -> runs.RunEnd:
    """Give the end that a person's wish makes of it."""
    if run.desired_state == DesiredState.CANCELLED:
        # Also where it failed before its runner heard of that: else it would be tried again.
        end = cancelled(end.error_code, end.error_message or RunState.CANCELLED.value)
    if run.is_trial:
        return replace(end, next_attempt_at=None, next_step=ON_REQUEST)
    return end


def say_what_comes_next(held: Held, run_id: int) -> None:
    """Say in its row that the run goes on; where that fails, the next one who looks says it."""
    try:
        with held.runtime.database.transaction(held.claim) as session:
            runs.set_next_step(session, run_id, ON_SYNC)
    except PipelineError:
        logger.debug("the row of run %s could not be told what comes next", run_id)


def log_end(run_id: int, event: str, what: str) -> None:
    """Log how a run left this runner's hands."""
    logger.info("run %s: %s", run_id, what, extra={"event": event, "run_id": run_id})
