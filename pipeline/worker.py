"""The loop of a sync: claim an adapter, plan, carry the run out, write how it ended, release.

Exclusion is per adapter. A runner that is asked to stop leaves its run resumable; one that lost its
lease writes nothing more.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

from pipeline import evaluation
from pipeline.database import adapters, aliases, runs, states
from pipeline.database.connection import Session
from pipeline.errors import (
    ConfigError,
    DatabaseUnavailable,
    LeaseLost,
    PipelineError,
    RunCancelled,
    RunInterrupted,
)
from pipeline.lease import LeaseKeeper
from pipeline.planning import Decision, Plan, plan_adapter
from pipeline.records import Adapter, Claim, Run, RunState
from pipeline.run_rows import failure, new_run
from pipeline.runner import Work, carry_out
from pipeline.runtime import Runtime

logger = logging.getLogger(__name__)


class ExitCode(IntEnum):
    """What the command ends with."""

    DONE = 0
    RUN_FAILED = 1
    USAGE = 2
    GATE_REFUSED = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a sync did for one adapter."""

    adapter_name: str
    decision: Decision
    reason: str
    run_id: int | None = None
    state: RunState | None = None  #: of the run of this sync, else of the last one
    error_message: str | None = None
    is_new: bool = False  #: the run ended in this sync


def sync(
    runtime: Runtime, names: Sequence[str], *, force: bool, stop: threading.Event
) -> list[Outcome]:
    """Bring the named adapters, or all that are enabled, up to date.

    Raises:
        ConfigError: a named adapter does not exist.
        RunInterrupted: `stop` was set; what was begun can be resumed.
    """
    outcomes = []
    for adapter in choose_adapters(runtime, names):
        if stop.is_set():
            raise RunInterrupted("stopped before the next adapter")
        outcome = _sync_adapter(runtime, adapter, force, stop)
        runtime.reporter.finish()
        outcomes.append(outcome)
    return outcomes


def choose_adapters(runtime: Runtime, names: Sequence[str]) -> list[Adapter]:
    """Give the named adapters, or every enabled one where no name is given.

    Raises:
        ConfigError: a named adapter does not exist.
    """
    with runtime.database.read() as session:
        declared = {a.adapter_name: a for a in adapters.list_adapters(session)}
    unknown = [name for name in names if name not in declared]
    if unknown:
        known = ", ".join(sorted(declared)) or "none"
        raise ConfigError(f"no adapter named {unknown[0]!r} in table adapters (there are: {known})")
    if names:
        return [declared[name] for name in dict.fromkeys(names)]
    return [a for a in declared.values() if a.is_enabled]


def cancel(runtime: Runtime, run_id: int) -> str:
    """Ask for the end of a run and say what will happen; one that nobody works on ends here.

    Raises:
        ConfigError: there is no such run.
    """
    with runtime.database.transaction() as session:
        run = runs.get_run(session, run_id)
        if run is None:
            raise ConfigError(f"there is no run {run_id} in table runs")
        if not runs.request_cancel(session, run_id):
            return f"run {run_id} has ended already ({run.state.value})"
    claim = _claim(runtime, run.adapter_name)
    if claim is None:
        return f"run {run_id} is at work; its runner ends it within seconds"
    try:
        _end(runtime, claim, run_id, runs.RunEnd(RunState.CANCELLED, error_message="cancelled"))
    finally:
        states.release_adapter(runtime.database, claim)
    return f"run {run_id} is cancelled"


def retry_failed(runtime: Runtime, run_id: int, *, stop: threading.Event) -> Outcome:
    """Ask again the prompts of an ended run whose answer or score is an error, and decide anew.

    Raises:
        ConfigError: there is no such run, it has not ended, or it never came to answers.
    """
    with runtime.database.read() as session:
        run = runs.get_run(session, run_id)
    if run is None:
        raise ConfigError(f"there is no run {run_id} in table runs")
    if run.state not in (RunState.SUCCEEDED, RunState.REJECTED) or run.version_number is None:
        raise ConfigError(
            f"run {run_id} is {run.state.value}: only a run that came to a decision can be retried"
        )
    claim = _claim(runtime, run.adapter_name)
    if claim is None:
        return _busy(runtime, run.adapter_name)
    keeper = _keeper(runtime, claim, stop)
    try:
        with keeper:
            return _retry_claimed(runtime, claim, keeper, run)
    finally:
        states.release_adapter(runtime.database, claim)


def _retry_claimed(runtime: Runtime, claim: Claim, keeper: LeaseKeeper, run: Run) -> Outcome:
    with runtime.database.read() as session:
        unfinished = runs.find_unfinished_run(session, run.adapter_name)
    if unfinished is not None:
        raise ConfigError(
            f"run {unfinished.run_id} of {run.adapter_name!r} is not finished: let `sqltune sync` "
            "end it first"
        )
    if not evaluation.forget_errors(runtime.database, claim, run.run_id, _reopen):
        return Outcome(
            run.adapter_name,
            Decision.UP_TO_DATE,
            f"run {run.run_id} has no answer and no score that is an error",
            run.run_id,
            run.state,
        )
    with runtime.database.read() as session:
        settings = runs.get_run_settings(session, run.run_id)
    adapter = adapters.from_plain(settings["adapter"])
    reopened = replace(run, state=RunState.ANSWERING_BEFORE)
    plan = Plan(adapter, Decision.RESUME, "asked for by retry --failed", run=reopened)
    return _run(runtime, claim, keeper, plan)


def _reopen(session: Session, run_id: int) -> None:
    runs.reopen_run(session, run_id, RunState.ANSWERING_BEFORE)


def exit_code(outcomes: Sequence[Outcome]) -> ExitCode:
    """Give what the command ends with: a failed run counts more than a refusing gate."""
    if any(o.state is RunState.FAILED for o in outcomes):
        return ExitCode.RUN_FAILED
    if any(o.state is RunState.REJECTED and o.is_new for o in outcomes):
        return ExitCode.GATE_REFUSED
    return ExitCode.DONE


def _sync_adapter(
    runtime: Runtime, adapter: Adapter, force: bool, stop: threading.Event
) -> Outcome:
    claim = _claim(runtime, adapter.adapter_name)
    if claim is None:
        outcome = _busy(runtime, adapter.adapter_name)
        runtime.reporter.say(f"{adapter.adapter_name}: {outcome.reason}")
        return outcome
    keeper = _keeper(runtime, claim, stop)
    try:
        with keeper:
            return _sync_claimed(runtime, adapter, claim, keeper, force)
    except LeaseLost as error:
        runtime.reporter.say(f"{adapter.adapter_name}: {error}")
        return Outcome(adapter.adapter_name, Decision.BUSY, str(error))
    finally:
        states.release_adapter(runtime.database, claim)


def _claim(runtime: Runtime, adapter_name: str) -> Claim | None:
    return states.claim_adapter(
        runtime.database,
        adapter_name,
        owner=runtime.new_id(),
        lease_seconds=runtime.settings.lease_seconds,
        now=runtime.now(),
    )


def _keeper(runtime: Runtime, claim: Claim, stop: threading.Event) -> LeaseKeeper:
    return LeaseKeeper(
        runtime.database,
        claim,
        lease_seconds=runtime.settings.lease_seconds,
        now=runtime.now,
        stop=stop,
    )


def _busy(runtime: Runtime, adapter_name: str) -> Outcome:
    with runtime.database.read() as session:
        lease = states.list_leases(session).get(adapter_name)
    if lease is None or lease.claimed_at is None:
        return Outcome(adapter_name, Decision.BUSY, "another sync has just finished with it")
    since = lease.claimed_at.strftime("%Y-%m-%d %H:%M:%S UTC")
    run = f" on run {lease.run_id}" if lease.run_id else ""
    return Outcome(
        adapter_name, Decision.BUSY, f"{lease.owner} works{run} since {since}", lease.run_id
    )


def _sync_claimed(
    runtime: Runtime, adapter: Adapter, claim: Claim, keeper: LeaseKeeper, force: bool
) -> Outcome:
    with runtime.database.transaction(claim) as session:
        aliases.settle_alias_changes(session, adapter.adapter_name, now=runtime.now())
    plan = plan_adapter(runtime, adapter, force=force, check=keeper.check)
    _tell(runtime, claim, plan)
    if plan.decision in (Decision.TRAIN, Decision.EVALUATE, Decision.RESUME):
        return _run(runtime, claim, keeper, plan)
    if plan.decision is Decision.REFUSED:
        return _record_refusal(runtime, claim, plan)
    state = plan.run.state if plan.run else None
    message = plan.run.error_message if plan.run else None
    run_id = plan.run.run_id if plan.run else None
    return Outcome(adapter.adapter_name, plan.decision, plan.reason, run_id, state, message)


def _tell(runtime: Runtime, claim: Claim, plan: Plan) -> None:
    name = plan.adapter.adapter_name
    with runtime.database.transaction(claim) as session:
        states.record_decision_of_sync(
            session, name, decision=plan.decision.value, reason=plan.reason, now=runtime.now()
        )
    runtime.reporter.say(f"{name}: {plan.decision.value.replace('_', ' ')}, {plan.reason}")
    logger.info(
        "%s: %s",
        name,
        plan.decision.value,
        extra={"event": "adapter_decided", "adapter": name, "decision": plan.decision.value},
    )


def _run(runtime: Runtime, claim: Claim, keeper: LeaseKeeper, plan: Plan) -> Outcome:
    run_id = _take_up(runtime, claim, plan)
    keeper.watch(run_id)
    logger.info("run %s begins", run_id, extra={"event": "run_begun", "run_id": run_id})
    try:
        state = carry_out(_work(runtime, claim, keeper, run_id, plan))
    except LeaseLost as error:
        return Outcome(plan.adapter.adapter_name, Decision.BUSY, str(error), run_id)
    except (RunInterrupted, DatabaseUnavailable) as error:
        # The run stays as it is: the next sync goes on from its last commit.
        _log_end(run_id, "run_interrupted", str(error))
        raise
    except RunCancelled as error:
        _end(runtime, claim, run_id, runs.RunEnd(RunState.CANCELLED, error.code, str(error)))
    except (PipelineError, OSError) as error:
        _end(runtime, claim, run_id, failure(runtime, error, plan.failure_count))
    except Exception as error:
        logger.exception("run %s failed", run_id, extra={"event": "run_failed", "run_id": run_id})
        _end(runtime, claim, run_id, failure(runtime, error, plan.failure_count))
    else:
        _log_end(run_id, "run_ended", state.value)
    return _outcome(runtime, run_id, plan)


def _take_up(runtime: Runtime, claim: Claim, plan: Plan) -> int:
    """Give the id of the run to carry out: the one to resume, or a new one."""
    with runtime.database.transaction(claim) as session:
        return _begin(runtime, session, claim, plan)


def _begin(runtime: Runtime, session: Session, claim: Claim, plan: Plan) -> int:
    now = runtime.now()
    if plan.run is not None:
        run_id = plan.run.run_id
    else:
        live = aliases.fetch_alias(session, claim.adapter_name)
        run_id = runs.insert_run(session, new_run(runtime, plan, live), now=now)
    runs.begin_run(session, run_id, now=now)
    states.set_current_run(session, claim.adapter_name, run_id)
    event = "resumed" if plan.run else "begun"
    runs.add_event(session, run_id, event, plan.reason, now=now)
    return run_id


def _record_refusal(runtime: Runtime, claim: Claim, plan: Plan) -> Outcome:
    """Write the refusal as a failed run, so that whoever looks for the adapter's runs finds the
    reason.
    """
    end = failure(runtime, plan.error or PipelineError(plan.reason), plan.failure_count)
    with runtime.database.transaction(claim) as session:
        # One transaction: a run that was only begun would be resumed, and carried out.
        run_id = _begin(runtime, session, claim, plan)
        _write_end(runtime, session, claim, run_id, end)
    _log_end(run_id, "run_failed", end.state.value)
    return _outcome(runtime, run_id, plan)


def _work(runtime: Runtime, claim: Claim, keeper: LeaseKeeper, run_id: int, plan: Plan) -> Work:
    adapter, base_model = plan.adapter, plan.wanted.base_model if plan.wanted else None
    if base_model is None:
        # A resumed run goes on with the row and the base model that it began with.
        with runtime.database.read() as session:
            adapter = adapters.from_plain(runs.get_run_settings(session, run_id)["adapter"])
            run = runs.get_run(session, run_id)
        revision = run.base_model_revision if run else None
        base_model = runtime.backend(adapter.backend).describe(adapter.base_model, revision)
    return Work(runtime, claim, run_id, adapter, base_model, keeper.check)


def _end(runtime: Runtime, claim: Claim, run_id: int, end: runs.RunEnd) -> None:
    runtime.reporter.finish()
    with runtime.database.transaction(claim) as session:
        _write_end(runtime, session, claim, run_id, end)
    _log_end(run_id, "run_failed" if end.state is RunState.FAILED else "run_ended", end.state.value)


def _write_end(
    runtime: Runtime, session: Session, claim: Claim, run_id: int, end: runs.RunEnd
) -> None:
    now = runtime.now()
    run = runs.get_run(session, run_id)
    if run is not None and runs.end_run(session, run, end, now=now):
        message = end.error_message or end.state.value
        runs.add_event(session, run_id, end.state.value, message, now=now)
        states.set_current_run(session, claim.adapter_name, None)


def _log_end(run_id: int, event: str, what: str) -> None:
    logger.info("run %s: %s", run_id, what, extra={"event": event, "run_id": run_id})


def _outcome(runtime: Runtime, run_id: int, plan: Plan) -> Outcome:
    with runtime.database.read() as session:
        run = runs.get_run(session, run_id)
    return Outcome(
        plan.adapter.adapter_name,
        plan.decision,
        plan.reason,
        run_id,
        run.state if run else None,
        run.error_message if run else None,
        is_new=True,
    )
