"""What a person does to one run from the command line: cancel, pause, resume, retry what failed.

Each of these can also be written into the row with SQL; the commands report at once what happens.
"""

from __future__ import annotations

import threading
from dataclasses import replace

from sqltune import evaluation
from sqltune.database.connection import Session
from sqltune.database.patience import with_patience
from sqltune.database.tables import adapters, requests, runs
from sqltune.errors import ConfigError, LeaseLost
from sqltune.planning.plan import AdapterPlan, Resume
from sqltune.records import DesiredState, Run, RunKind, RunState, SyncDecision
from sqltune.run.next_step import NOTHING, next_step
from sqltune.runtime import Runtime
from sqltune.syncing.ending import cancel_run
from sqltune.syncing.executing import run_plan
from sqltune.syncing.lease import AdapterLease, lease_adapter
from sqltune.syncing.outcomes import Outcome
from sqltune.syncing.reconcile import reconcile_run
from sqltune.syncing.turn import describe_busy


def cancel(runtime: Runtime, run_id: int) -> str:
    """Cancel a run and return what happens; a run without a runner ends here.

    Raises:
        ConfigError: there is no such run.
    """
    reconcile_run(runtime, run_id)
    with runtime.database.transaction() as session:
        run = _require_run(session, run_id)
        if not runs.request_cancel(session, run_id):
            return f"run {run_id} has ended already ({run.state.value})"
        withdrawn = runs.RunEnd(RunState.CANCELLED, failure_count=None, next_step=NOTHING)
        if runs.end_request(session, run_id, withdrawn, now=runtime.now()):
            return f"run {run_id} is cancelled"
    with lease_adapter(runtime, run.adapter_name, threading.Event()) as lease:
        if lease is None:
            return f"run {run_id} is running; its runner ends it within seconds"
        cancel_run(lease, run_id)
    return f"run {run_id} is cancelled"


def set_desired_state(runtime: Runtime, run_id: int, desired: DesiredState) -> str:
    """Pause or resume a run and return what happens.

    Raises:
        ConfigError: there is no such run.
    """
    reconcile_run(runtime, run_id)
    with runtime.database.transaction() as session:
        run = _require_run(session, run_id)
        if run.state.is_ended:
            return f"run {run_id} has ended already ({run.state.value})"
        if not requests.set_desired_state(session, run_id, old=run.desired_state, new=desired):
            return f"the desired state of run {run_id} changed in the meantime: try again"
    if desired is DesiredState.PAUSED:
        return f"run {run_id} pauses within seconds if it is running"
    return f"the next sync or worker resumes run {run_id}"


def retry_failed(runtime: Runtime, run_id: int, *, stop: threading.Event) -> Outcome:
    """Ask the prompts of an ended run again whose response or score is an error, and decide again.

    Raises:
        ConfigError: there is no such run, or it did not reach a decision.
    """
    with runtime.database.read() as session:
        run = _require_run(session, run_id)
    if run.run_kind is RunKind.PREDICT:
        raise ConfigError(
            f"run {run_id} predicted: the next sync asks the rows again whose answers are errors, "
            "and so does a row of runs with run_kind 'predict'"
        )
    if run.state not in (RunState.SUCCEEDED, RunState.REJECTED) or run.version_number is None:
        raise ConfigError(
            f"run {run_id} is {run.state.value}: only a run that reached a decision can be retried"
        )
    pauses, name = runtime.pauses_seconds, run.adapter_name
    with lease_adapter(runtime, name, stop) as lease:
        if lease is None:
            return with_patience(lambda: describe_busy(runtime, name), stop, pauses)
        try:
            return with_patience(lambda: _retry(lease, run), stop, pauses)
        except LeaseLost as error:
            return Outcome(name, SyncDecision.BUSY, str(error))


def _retry(lease: AdapterLease, run: Run) -> Outcome:
    runtime = lease.runtime
    with runtime.database.read() as session:
        unfinished = runs.find_unfinished_run(session, run.adapter_name)
        adapter = adapters.of_run(session, run.run_id)
    if unfinished is not None and unfinished.run_id != run.run_id:
        raise ConfigError(
            f"run {unfinished.run_id} of {run.adapter_name!r} is not finished: let `sqltune sync` "
            "end it first"
        )
    state = RunState.ANSWERING_BEFORE

    def reopen(session: Session) -> None:
        step = next_step(state, run.run_kind)
        runs.reopen_run(session, run.run_id, state, next_step=step, now=runtime.now())

    if unfinished is None and not evaluation.forget_errors(lease.scope(run.run_id), reopen):
        reason = f"run {run.run_id} has no response and no score that is an error"
        return Outcome(run.adapter_name, SyncDecision.UP_TO_DATE, reason, run.run_id, run.state)
    plan = Resume("requested by retry --failed", replace(run, state=state))
    outcome = run_plan(lease, AdapterPlan(adapter, plan), plan)
    assert outcome is not None, "only a request can be withdrawn"  # noqa: S101
    return outcome


def _require_run(session: Session, run_id: int) -> Run:
    run = runs.get_run(session, run_id)
    if run is None:
        raise ConfigError(f"there is no run {run_id} in table runs")
    return run
