"""Carry out an adapter's plan: run it, record a refusal, or answer a request without a run."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, timedelta
from typing import assert_never

from sqltune.backends.describing import describe_base_model
from sqltune.database.connection import Session
from sqltune.database.tables import adapters, aliases, requests, run_events, runs, states
from sqltune.errors import (
    DatabaseReadOnly,
    DatabaseUnavailable,
    LeaseLost,
    PipelineError,
    RunCancelled,
    RunInterrupted,
    RunPaused,
)
from sqltune.planning.plan import (
    AdapterPlan,
    Blocked,
    Disabled,
    Evaluate,
    Paused,
    Predict,
    Refuse,
    Resume,
    Train,
    UpToDate,
    Wait,
)
from sqltune.planning.refusing import ENDS_PROCESS
from sqltune.planning.requests import request_reason
from sqltune.records import Run, RunKind, RunRequest, RunState, SyncDecision
from sqltune.run.next_step import NOTHING, next_step
from sqltune.run.runner import carry_out
from sqltune.run.work import Work
from sqltune.runtime import Runtime
from sqltune.syncing.ending import (
    cancelled_end,
    disabled_end,
    end_run,
    failed_end,
    log_end,
    pause_run,
    record_resumable,
    refused_end,
    write_end,
)
from sqltune.syncing.lease import AdapterLease
from sqltune.syncing.new_run import new_run
from sqltune.syncing.outcomes import Outcome

logger = logging.getLogger(__name__)


def execute(lease: AdapterLease, planned: AdapterPlan) -> Outcome | None:
    """Carry a plan out; return None if its request was withdrawn in the meantime."""
    plan = planned.plan
    match plan:
        case Train() | Evaluate() | Predict() | Resume():
            return run_plan(lease, planned, plan)
        case Refuse():
            return _record_refusal(lease, planned, plan)
        case UpToDate() | Wait() | Blocked() | Paused() | Disabled():
            if planned.request is not None:
                return _answer_request(lease, planned, planned.request, plan)
            return _leave_alone(planned, plan)
        case _:
            assert_never(plan)


def run_plan(
    lease: AdapterLease, planned: AdapterPlan, plan: Train | Evaluate | Predict | Resume
) -> Outcome | None:
    """Carry a run out and record how it ended; return None if its request was withdrawn."""
    runtime = lease.runtime
    failures = plan.run.failure_count if isinstance(plan, Resume) else plan.failure_count
    with runtime.database.transaction(lease.claim) as session:
        run_id = _begin(session, lease, planned, plan)
    if run_id is None:
        return None
    logger.info("run %s begins", run_id, extra={"event": "run_begun", "run_id": run_id})
    try:
        lease.keeper.watch(run_id)
        # Before the backend is asked: a run can be paused or cancelled while it is unavailable.
        lease.keeper.check()
        state = carry_out(_make_work(lease, run_id, planned, plan))
    except LeaseLost as error:
        runtime.reporter.say(f"{lease.adapter_name}: {error}")
        return Outcome(lease.adapter_name, SyncDecision.BUSY, str(error), run_id)
    except RunPaused:
        pause_run(lease, run_id)
    except (RunInterrupted, DatabaseUnavailable, DatabaseReadOnly) as error:
        # The row stays unchanged: the next sync resumes the run from its last commit.
        log_end(run_id, "run_interrupted", str(error))
        record_resumable(lease, run_id)
        raise
    except RunCancelled as error:
        end_run(lease, run_id, cancelled_end(error.code, str(error)))
    except (PipelineError, OSError) as error:
        end_run(lease, run_id, failed_end(runtime, error, failures))
    except ENDS_PROCESS:
        raise
    except BaseException as error:  # native code raises what is no Exception
        logger.exception("run %s failed", run_id, extra={"event": "run_failed", "run_id": run_id})
        end_run(lease, run_id, failed_end(runtime, error, failures))
    else:
        log_end(run_id, "run_ended", state.value)
    finally:
        # What is planned next under this lease must not meet the desired state of this run.
        lease.keeper.unwatch()
    return _read_outcome(runtime, run_id, planned)


def _begin(
    session: Session,
    lease: AdapterLease,
    planned: AdapterPlan,
    plan: Train | Evaluate | Predict | Resume | Refuse,
) -> int | None:
    """Begin or resume the run of a plan and return its id; None if its request was withdrawn."""
    name, now = lease.adapter_name, lease.runtime.now()
    run_id = _find_run(session, lease, planned, plan, now)
    if run_id is None:
        return None
    runs.begin_run(session, run_id, now=now, started_at=_after_the_last(session, name, now))
    states.set_current_run(session, name, run_id)
    if planned.run_kind is RunKind.REEVALUATE:
        states.set_reevaluated_at(session, name, now=now)
    if planned.run_kind is RunKind.PREDICT:
        states.set_predicted_at(session, name, now=now)
    event = "resumed" if isinstance(plan, Resume) else "begun"
    run_events.add_event(session, run_id, event, plan.reason, now=now)
    return run_id


def _find_run(
    session: Session,
    lease: AdapterLease,
    planned: AdapterPlan,
    plan: Train | Evaluate | Predict | Resume | Refuse,
    now: datetime,
) -> int | None:
    """Return the run to resume, the request turned into a run, or a new run."""
    if isinstance(plan, Resume):
        _unpause(session, plan.run, now)
        return plan.run.run_id
    live = aliases.fetch_alias(session, lease.adapter_name)
    row = new_run(lease.runtime, planned, plan, live)
    if planned.request is None:
        return runs.insert_run(session, row, now=now)
    is_adopted = requests.adopt_run(session, planned.request.run_id, row, now=now)
    return planned.request.run_id if is_adopted else None


def _unpause(session: Session, run: Run, now: datetime) -> None:
    if run.state is RunState.PAUSED and run.resume_state is not None:
        step = next_step(run.resume_state, run.run_kind)
        runs.set_run_state(session, run, run.resume_state, next_step=step, now=now)


def _after_the_last(session: Session, adapter_name: str, now: datetime) -> datetime:
    """Return a start time after that of the adapter's last run, even if a clock was set back.

    An adapter's runs are ordered by their start times.
    """
    last = runs.find_last_ended_run(session, adapter_name)
    if last is None or last.started_at is None or last.started_at < now:
        return now
    return last.started_at + timedelta(microseconds=1)


def _make_work(
    lease: AdapterLease,
    run_id: int,
    planned: AdapterPlan,
    plan: Train | Evaluate | Predict | Resume,
) -> Work:
    runtime = lease.runtime
    if isinstance(plan, Resume):
        # A resumed run continues with the row and the base model that it began with.
        with runtime.database.read() as session:
            adapter = adapters.of_run(session, run_id)
        revision = plan.run.base_model_revision
        backend, check = runtime.backend(adapter.backend), lease.keeper.check
        base_model = describe_base_model(backend, adapter.base_model, revision, check)
    else:
        adapter, base_model = planned.adapter, plan.wanted.base_model
    return Work(runtime, lease.scope(run_id), adapter, base_model)


def _record_refusal(lease: AdapterLease, planned: AdapterPlan, plan: Refuse) -> Outcome | None:
    """Record the refusal as a failed run, so that it shows among the adapter's runs."""
    runtime = lease.runtime
    end = failed_end(runtime, plan.error, plan.failure_count)
    with runtime.database.transaction(lease.claim) as session:
        # One transaction: a run that had only begun would be resumed and carried out.
        run_id = plan.run.run_id if plan.run else _begin(session, lease, planned, plan)
        if run_id is None:
            return None
        write_end(session, lease, run_id, end)
    log_end(run_id, "run_failed", end.state.value)
    return _read_outcome(runtime, run_id, planned)


def _answer_request(
    lease: AdapterLease,
    planned: AdapterPlan,
    request: RunRequest,
    plan: UpToDate | Wait | Blocked | Paused | Disabled,
) -> Outcome | None:
    """End a request that needs no run, or whose adapter was disabled in the meantime."""
    end = _request_end(lease, request, plan)
    now = lease.runtime.now()
    with lease.runtime.database.transaction(lease.claim) as session:
        if not runs.end_request(session, request.run_id, end, now=now):
            return None
        if planned.equal is not None:
            own_words = replace(request, trigger_reason=None)
            answer = replace(end, trigger_reason=request_reason(own_words, plan))
            requests.end_equal_requests(
                session, planned.adapter, answer, until=planned.equal, now=now
            )
        event = "refused" if end.error_message else "nothing_to_do"
        run_events.add_event(
            session, request.run_id, event, end.error_message or plan.reason, now=now
        )
    return Outcome(
        lease.adapter_name,
        plan.decision,
        plan.reason,
        request.run_id,
        end.state,
        end.error_message,
        is_new=True,
    )


def _request_end(
    lease: AdapterLease,
    request: RunRequest,
    plan: UpToDate | Wait | Blocked | Paused | Disabled,
) -> runs.RunEnd:
    if isinstance(plan, Disabled):
        return disabled_end(lease.adapter_name)
    run, reason = _last_run(plan), request_reason(request, plan)
    if run is not None and run.state is RunState.FAILED:
        end = refused_end(run.error_code or "", plan.reason)
        return replace(end, trigger_reason=reason)
    return runs.RunEnd(
        RunState.SUCCEEDED,
        failure_count=None,
        next_step=NOTHING,
        trigger_reason=reason,
        version_number=run.version_number if run else None,
    )


def _leave_alone(
    planned: AdapterPlan, plan: UpToDate | Wait | Blocked | Paused | Disabled
) -> Outcome:
    run, name = _last_run(plan), planned.adapter.adapter_name
    if run is None:
        return Outcome(name, plan.decision, plan.reason)
    return Outcome(name, plan.decision, plan.reason, run.run_id, run.state, run.error_message)


def _last_run(plan: UpToDate | Wait | Blocked | Paused | Disabled) -> Run | None:
    return None if isinstance(plan, Disabled) else plan.run


def _read_outcome(runtime: Runtime, run_id: int, planned: AdapterPlan) -> Outcome:
    with runtime.database.read() as session:
        run = runs.get_run(session, run_id)
    return Outcome(
        planned.adapter.adapter_name,
        planned.plan.decision,
        planned.plan.reason,
        run_id,
        run.state if run else None,
        run.error_message if run else None,
        is_new=True,
    )
