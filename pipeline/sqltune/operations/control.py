"""What a person does to one run from the command line: cancel it, hold it, repeat what failed.

Each of these can also be written into the row with SQL; here a person hears at once what becomes of
it.
"""

from __future__ import annotations

import threading
from dataclasses import replace

from sqltune import evaluation
from sqltune.database.connection import Session
from sqltune.database.patience import with_patience
from sqltune.database.run_scope import RunScope
from sqltune.database.tables import adapters, requests, runs
from sqltune.errors import ConfigError, LeaseLost
from sqltune.planning.planner import Decision, Plan
from sqltune.records import DesiredState, Run, RunState
from sqltune.run.next_step import NOTHING, next_step
from sqltune.runtime import Runtime
from sqltune.syncing.ending import cancel_run
from sqltune.syncing.lease import Held, holding
from sqltune.syncing.outcomes import Outcome
from sqltune.syncing.reconcile import answer
from sqltune.syncing.turn import busy, run_plan


def cancel(runtime: Runtime, run_id: int) -> str:
    """Ask for the end of a run and say what will happen; one that nobody works on ends here.

    Raises:
        ConfigError: there is no such run.
    """
    answer(runtime, run_id)
    with runtime.database.transaction() as session:
        run = _require_run(session, run_id)
        if not runs.request_cancel(session, run_id):
            return f"run {run_id} has ended already ({run.state.value})"
        withdrawn = requests.Settlement(RunState.CANCELLED, next_step=NOTHING)
        if requests.settle_request(session, run_id, withdrawn, now=runtime.now()):
            return f"run {run_id} is cancelled"
    with holding(runtime, run.adapter_name, threading.Event()) as held:
        if held is None:
            return f"run {run_id} is at work; its runner ends it within seconds"
        cancel_run(held, run_id)
    return f"run {run_id} is cancelled"


def want(runtime: Runtime, run_id: int, wish: DesiredState) -> str:
    """Ask for a run to be held or to go on, and say what will happen.

    Raises:
        ConfigError: there is no such run.
    """
    answer(runtime, run_id)
    with runtime.database.transaction() as session:
        run = _require_run(session, run_id)
        if run.state.is_ended:
            return f"run {run_id} has ended already ({run.state.value})"
        if not requests.set_desired_state(session, run_id, old=run.desired_state, new=wish):
            return f"somebody changed what is wanted of run {run_id} meanwhile: ask again"
    if wish is DesiredState.PAUSED:
        return f"run {run_id} is held within seconds where a runner works on it"
    return f"run {run_id} goes on with the next sync or worker"


def retry_failed(runtime: Runtime, run_id: int, *, stop: threading.Event) -> Outcome:
    """Ask again the prompts of an ended run whose answer or score is an error, and decide anew.

    Raises:
        ConfigError: there is no such run, it has not ended, or it never came to answers.
    """
    with runtime.database.read() as session:
        run = _require_run(session, run_id)
    if run.state not in (RunState.SUCCEEDED, RunState.REJECTED) or run.version_number is None:
        raise ConfigError(
            f"run {run_id} is {run.state.value}: only a run that came to a decision can be retried"
        )
    with holding(runtime, run.adapter_name, stop) as held:
        if held is None:
            return with_patience(lambda: busy(runtime, run.adapter_name), stop)
        try:
            return with_patience(lambda: _retry_held(held, run), stop)
        except LeaseLost as error:
            return Outcome(run.adapter_name, Decision.BUSY, str(error))


def _retry_held(held: Held, run: Run) -> Outcome:
    runtime, claim = held.runtime, held.claim
    with runtime.database.read() as session:
        unfinished = runs.find_unfinished_run(session, run.adapter_name)
    if unfinished is not None and unfinished.run_id != run.run_id:
        raise ConfigError(
            f"run {unfinished.run_id} of {run.adapter_name!r} is not finished: let `sqltune sync` "
            "end it first"
        )
    state = RunState.ANSWERING_BEFORE

    def reopen(session: Session) -> None:
        step = next_step(state, run.run_kind)
        runs.reopen_run(session, run.run_id, state, next_step=step, now=runtime.now())

    scope = RunScope(runtime.database, claim, run.run_id, held.keeper.check, runtime.now)
    if unfinished is None and not evaluation.forget_errors(scope, reopen):
        reason = f"run {run.run_id} has no answer and no score that is an error"
        return Outcome(run.adapter_name, Decision.UP_TO_DATE, reason, run.run_id, run.state)
    with runtime.database.read() as session:
        adapter = adapters.of_run(session, run.run_id)
    reopened = replace(run, state=state)
    plan = Plan(adapter, Decision.RESUME, "asked for by retry --failed", run=reopened)
    outcome = run_plan(held, plan)
    assert outcome is not None, "only a request is withdrawn"  # noqa: S101
    return outcome


def _require_run(session: Session, run_id: int) -> Run:
    run = runs.get_run(session, run_id)
    if run is None:
        raise ConfigError(f"there is no run {run_id} in table runs")
    return run
