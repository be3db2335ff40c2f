"""One adapter under its lease: what was left unfinished, then what people asked for, then the plan.

Exclusion is per adapter. A runner that is asked to stop leaves its run resumable; one that lost its
lease writes nothing more; one that lost its database for a moment goes on from the last commit.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqltune.database.connection import Session
from sqltune.database.patience import with_patience
from sqltune.database.tables import adapters, aliases, requests, runs, states
from sqltune.errors import (
    DatabaseReadOnly,
    DatabaseUnavailable,
    LeaseLost,
    PipelineError,
    RunCancelled,
    RunInterrupted,
    RunPaused,
)
from sqltune.planning.planner import Decision, Plan, plan_adapter
from sqltune.planning.requests import plan_request, reason_of
from sqltune.records import Adapter, Run, RunKind, RunState
from sqltune.run.next_step import NOTHING, next_step
from sqltune.run.runner import carry_out
from sqltune.run.work import Work
from sqltune.runtime import Runtime
from sqltune.syncing.ending import (
    cancelled,
    end_run,
    hold_run,
    log_end,
    say_what_comes_next,
    write_end,
)
from sqltune.syncing.lease import Held, holding
from sqltune.syncing.new_run import failure, new_run
from sqltune.syncing.outcomes import Outcome
from sqltune.syncing.reconcile import refuse_disabled

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Turn:
    """What one adapter's turn is to do and has done; a lost connection does not begin it anew."""

    is_forced: bool  #: somebody wants a training, and there was none in this turn yet
    is_scheduled: bool  #: without, only what was left unfinished or asked for is done
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        """Whether nothing is left once no run is unfinished and no request waits."""
        return not self.is_forced and (bool(self.outcomes) or not self.is_scheduled)

    def note(self, plan: Plan, outcome: Outcome | None) -> None:
        """Take note of what became of a plan; None: its request was withdrawn."""
        if outcome is None:
            return
        self.outcomes.append(outcome)
        if plan.decision is Decision.RESUME and plan.run is not None:
            is_own = plan.run.run_kind is RunKind.TRAIN and not plan.run.is_trial
        else:
            is_own = not plan.is_trial
        # A trial, or an evaluation that was left unfinished, is not the training that is wanted.
        self.is_forced = self.is_forced and not is_own


def sync_adapter(
    runtime: Runtime,
    adapter: Adapter,
    *,
    force: bool,
    stop: threading.Event,
    is_scheduled: bool = True,
) -> list[Outcome]:
    """Bring one adapter up to date, requests first; gives one outcome for each thing done.

    Args:
        runtime: what to work with.
        adapter: its row.
        force: train whatever the last run says.
        stop: set when this process is to end.
        is_scheduled: without, only what was left unfinished or asked for is done.

    Raises:
        RunInterrupted: `stop` was set; what was begun can be resumed.
        DatabaseUnavailable: the database stayed away; what was begun can be resumed.
    """
    turn = _Turn(is_forced=force, is_scheduled=is_scheduled)
    outcomes = turn.outcomes
    with holding(runtime, adapter.adapter_name, stop) as held:
        if held is None:
            outcomes.append(with_patience(lambda: busy(runtime, adapter.adapter_name), stop))
            runtime.reporter.say(f"{adapter.adapter_name}: {outcomes[0].reason}")
            return outcomes
        try:
            with_patience(lambda: _sync_held(held, turn), stop)
        except LeaseLost as error:
            runtime.reporter.say(f"{adapter.adapter_name}: {error}")
            outcomes.append(Outcome(adapter.adapter_name, Decision.BUSY, str(error)))
    return outcomes


def busy(runtime: Runtime, adapter_name: str) -> Outcome:
    """Say who works on the adapter since when."""
    with runtime.database.read() as session:
        lease = states.list_leases(session).get(adapter_name)
    if lease is None or lease.claimed_at is None:
        return Outcome(adapter_name, Decision.BUSY, "another sync has just finished with it")
    since = lease.claimed_at.strftime("%Y-%m-%d %H:%M:%S UTC")
    run = f" on run {lease.run_id}" if lease.run_id else ""
    return Outcome(
        adapter_name, Decision.BUSY, f"{lease.owner} works{run} since {since}", lease.run_id
    )


def _sync_held(held: Held, turn: _Turn) -> None:
    runtime, name = held.runtime, held.claim.adapter_name
    while True:
        with runtime.database.transaction(held.claim) as session:
            # Adapters and runs before this one may have taken hours since somebody read the row.
            adapter = adapters.get_adapter(session, name)
            if adapter is None:
                return
            aliases.settle_alias_changes(session, name, now=runtime.now())
            unfinished = runs.find_unfinished_run(session, name)
            waiting = requests.list_requests(session, name)
        if unfinished is None and waiting:
            # Who says --force wants a training, and the first request is what is trained for.
            request = replace(waiting[0], is_forced=waiting[0].is_forced or turn.is_forced)
            plan = plan_request(runtime, adapter, request, check=held.keeper.check)
        elif unfinished is None and turn.is_over:
            return
        else:
            plan = plan_adapter(runtime, adapter, force=turn.is_forced, check=held.keeper.check)
        outcome = _act(held, plan)
        turn.note(plan, outcome)
        if outcome is not None and _ends_turn(outcome):
            return


def _ends_turn(outcome: Outcome) -> bool:
    """Say whether nothing more can be done now: a run is held, or its row is in other hands."""
    return outcome.decision in (Decision.PAUSED, Decision.BUSY) or outcome.state is RunState.PAUSED


def _act(held: Held, plan: Plan) -> Outcome | None:
    """Do what was planned; None: the request was withdrawn meanwhile."""
    _tell(held, plan)
    if plan.decision in (Decision.TRAIN, Decision.EVALUATE, Decision.RESUME):
        return run_plan(held, plan)
    if plan.decision is Decision.REFUSED:
        return _record_refusal(held, plan)
    if plan.request is not None:
        return _settle(held, plan)
    state = plan.run.state if plan.run else None
    message = plan.run.error_message if plan.run else None
    return Outcome(
        plan.adapter.adapter_name, plan.decision, plan.reason, plan.run_id, state, message
    )


def _tell(held: Held, plan: Plan) -> None:
    name, runtime = plan.adapter.adapter_name, held.runtime
    # What a trial asks for says nothing about the adapter's own state.
    if not plan.is_trial:
        with runtime.database.transaction(held.claim) as session:
            states.record_decision_of_sync(
                session, name, decision=plan.decision.value, reason=plan.reason, now=runtime.now()
            )
            # What goes on with another run says nothing about the one that waits to be repeated.
            if plan.decision not in (Decision.RESUME, Decision.PAUSED):
                failed = plan.run if plan.decision is Decision.WAIT else None
                at = failed.next_attempt_at if failed is not None else None
                states.set_retry_at(session, name, at)
    runtime.reporter.say(f"{name}: {plan.decision.value.replace('_', ' ')}, {plan.reason}")
    logger.info(
        "%s: %s",
        name,
        plan.decision.value,
        extra={"event": "adapter_decided", "adapter": name, "decision": plan.decision.value},
    )


def _settle(held: Held, plan: Plan) -> Outcome | None:
    """End a request that needs no run, or whose adapter was disabled meanwhile."""
    request, name = plan.request, plan.adapter.adapter_name
    assert request is not None, "only a request is settled"  # noqa: S101
    if plan.decision is Decision.DISABLED:
        end = refuse_disabled(name)
    else:
        end = requests.Settlement(
            RunState.SUCCEEDED,
            next_step=NOTHING,
            trigger_reason=reason_of(request, plan),
            version_number=plan.run.version_number if plan.run else None,
        )
    now = held.runtime.now()
    with held.runtime.database.transaction(held.claim) as session:
        if not requests.settle_request(session, request.run_id, end, now=now):
            return None
        event = "refused" if end.error_message else "nothing_to_do"
        runs.add_event(session, request.run_id, event, end.error_message or plan.reason, now=now)
    return Outcome(
        name, plan.decision, plan.reason, request.run_id, end.state, end.error_message, is_new=True
    )


def run_plan(held: Held, plan: Plan) -> Outcome | None:
    """Carry a run out and write how it ended; None: the request was withdrawn meanwhile."""
    runtime, name = held.runtime, plan.adapter.adapter_name
    run_id = _take_up(held, plan)
    if run_id is None:
        return None
    logger.info("run %s begins", run_id, extra={"event": "run_begun", "run_id": run_id})
    try:
        held.keeper.watch(run_id)
        # Before a backend is asked: it may be away, and a run can be held or ended without it.
        held.keeper.check()
        state = carry_out(_work(held, run_id, plan))
    except LeaseLost as error:
        runtime.reporter.say(f"{name}: {error}")
        return Outcome(name, Decision.BUSY, str(error), run_id)
    except RunPaused:
        hold_run(held, run_id)
    except (RunInterrupted, DatabaseUnavailable, DatabaseReadOnly) as error:
        # The run stays as it is: the next sync goes on from its last commit.
        log_end(run_id, "run_interrupted", str(error))
        say_what_comes_next(held, run_id)
        raise
    except RunCancelled as error:
        end_run(held, run_id, cancelled(error.code, str(error)))
    except (PipelineError, OSError) as error:
        end_run(held, run_id, failure(runtime, error, plan.failure_count))
    except Exception as error:
        logger.exception("run %s failed", run_id, extra={"event": "run_failed", "run_id": run_id})
        end_run(held, run_id, failure(runtime, error, plan.failure_count))
    else:
        log_end(run_id, "run_ended", state.value)
    finally:
        # Whoever plans next under this lease must not stumble over what was wanted of this run.
        held.keeper.rest()
    return _outcome(runtime, run_id, plan)


def _take_up(held: Held, plan: Plan) -> int | None:
    """Give the id of the run to carry out: the one to resume, a request made ours, or a new one."""
    with held.runtime.database.transaction(held.claim) as session:
        return _begin(session, held, plan)


def _begin(session: Session, held: Held, plan: Plan) -> int | None:
    runtime, name = held.runtime, held.claim.adapter_name
    now = runtime.now()
    if plan.decision is Decision.RESUME and plan.run is not None:
        run_id = plan.run.run_id
        _unhold(held, plan.run, session)
    else:
        new = new_run(runtime, plan, aliases.fetch_alias(session, name))
        if plan.request is None:
            run_id = runs.insert_run(session, new, now=now)
        elif requests.adopt_run(session, plan.request.run_id, new, now=now):
            run_id = plan.request.run_id
        else:
            return None
    runs.begin_run(session, run_id, now=now, started_at=_after_the_last(session, name, now))
    states.set_current_run(session, name, run_id)
    event = "resumed" if plan.decision is Decision.RESUME else "begun"
    runs.add_event(session, run_id, event, plan.reason, now=now)
    return run_id


def _after_the_last(session: Session, adapter_name: str, now: datetime) -> datetime:
    """Give the time of a beginning: after that of the last run, also where a clock was set back.

    The order of an adapter's runs is that of their beginnings.
    """
    last = runs.find_last_ended_run(session, adapter_name)
    if last is None or last.started_at is None or last.started_at < now:
        return now
    return last.started_at + timedelta(microseconds=1)


def _unhold(held: Held, run: Run, session: Session) -> None:
    if run.state is RunState.PAUSED and run.resume_state is not None:
        state = run.resume_state
        step = next_step(state, run.run_kind)
        runs.set_run_state(session, run, state, next_step=step, now=held.runtime.now())


def _record_refusal(held: Held, plan: Plan) -> Outcome | None:
    """Write the refusal as a failed run, so that whoever looks for the adapter's runs finds the
    reason.
    """
    runtime = held.runtime
    end = failure(runtime, plan.error or PipelineError(plan.reason), plan.failure_count)
    with runtime.database.transaction(held.claim) as session:
        # One transaction: a run that was only begun would be resumed, and carried out.
        run_id = _begin(session, held, plan)
        if run_id is None:
            return None
        write_end(session, held, run_id, end)
    log_end(run_id, "run_failed", end.state.value)
    return _outcome(runtime, run_id, plan)


def _work(held: Held, run_id: int, plan: Plan) -> Work:
    runtime = held.runtime
    adapter, base_model = plan.adapter, plan.wanted.base_model if plan.wanted else None
    if base_model is None:
        # A resumed run goes on with the row and the base model that it began with.
        with runtime.database.read() as session:
            adapter = adapters.of_run(session, run_id)
            run = runs.get_run(session, run_id)
        revision = run.base_model_revision if run else None
        base_model = runtime.backend(adapter.backend).describe(adapter.base_model, revision)
    return Work(runtime, held.claim, run_id, adapter, base_model, held.keeper.check)


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
