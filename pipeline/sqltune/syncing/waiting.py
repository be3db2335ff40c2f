"""What waits for an adapter's turn, and the plan for the first of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqltune.database.connection import Session
from sqltune.database.tables import adapters, aliases, requests, runs, states
from sqltune.database.tables.requests import EqualRequests
from sqltune.planning.evaluations import plan_reevaluation
from sqltune.planning.pausing import refuse_after_crashes, runner_died
from sqltune.planning.plan import AdapterPlan, Blocked, Refuse
from sqltune.planning.planner import plan_adapter
from sqltune.planning.predictions import plan_predictions
from sqltune.planning.requests import plan_request, refuse_request
from sqltune.records import Adapter, DesiredState, Run, RunRequest
from sqltune.syncing.due import is_due_again, is_predict_every_over
from sqltune.syncing.lease import AdapterLease

#: An adapter whose planning takes more than this share of a selection's time limit is slow.
_SLOW_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for an adapter's turn."""

    adapter: Adapter
    unfinished: Run | None
    request: RunRequest | None  #: the first
    equal: EqualRequests  #: the last of the requests that are there
    is_live_due: bool  #: what is live is to be evaluated again
    is_prediction_due: bool  #: what is live is to answer rows


@dataclass(frozen=True, slots=True)
class Progress:
    """What a turn has still to do."""

    is_forced: bool  #: a training was demanded
    is_scheduled: bool  #: False: only unfinished runs, requests and what is due by a schedule
    is_over: bool  #: the adapter's own plan was carried out
    has_reevaluated: bool  #: what is live was evaluated, however soon it is due again
    has_predicted: bool  #: rows were answered, however soon that is due again


def plan_next(lease: AdapterLease, progress: Progress) -> AdapterPlan | None:
    """Return what to do next; None if nothing is left.

    Args:
        lease: the adapter's.
        progress: what the turn has done.
    """
    waiting = _read_waiting(lease, progress.is_scheduled)
    if waiting is None:
        return None
    is_idle = progress.is_over and waiting.unfinished is None and waiting.request is None
    evaluates = waiting.is_live_due and not progress.has_reevaluated
    predicts = waiting.is_prediction_due and not progress.has_predicted
    if is_idle and not evaluates and not predicts:
        return None
    began, check = lease.runtime.now(), lease.keeper.check
    planned = _plan_after_crashes(lease, waiting)
    if planned is None and is_idle:
        if evaluates:
            planned = plan_reevaluation(lease.runtime, waiting.adapter, check=check)
        else:
            settled: list[str] = []
            planned = plan_predictions(
                lease.runtime, waiting.adapter, check=check, on_settled=settled.append
            )
            _record_reading(lease, planned, settled)
    elif planned is None:
        planned = _plan(lease, waiting, progress.is_forced)
    limit = timedelta(seconds=lease.runtime.settings.selection_timeout_seconds * _SLOW_SHARE)
    lease.comes_last = lease.runtime.now() - began > limit
    return planned


def _record_reading(
    lease: AdapterLease, planned: AdapterPlan | None, settled: Sequence[str]
) -> None:
    """Record that the prediction_query was read, where no run does, and which rows are settled."""
    if planned is None or isinstance(planned.plan, Blocked):
        with lease.runtime.database.transaction(lease.claim) as session:
            states.set_predicted_at(session, lease.adapter_name, now=lease.runtime.now())
            for key in settled:
                states.set_predicted_key(session, lease.adapter_name, key)


def _read_waiting(lease: AdapterLease, is_scheduled: bool) -> Waiting | None:
    """Read what waits; None if the adapter is no longer declared."""
    runtime, name = lease.runtime, lease.adapter_name
    with runtime.database.transaction(lease.claim) as session:
        # Earlier adapters and runs may have taken hours since the row was read.
        adapter = adapters.get_adapter(session, name)
        if adapter is None:
            return None
        aliases.settle_alias_changes(session, name, now=runtime.now())
        return Waiting(
            adapter,
            runs.find_unfinished_run(session, name),
            requests.find_request(session, name),
            EqualRequests(requests.find_newest_request(session, name), runtime.now()),
            is_live_due(session, adapter, runtime.now()),
            is_prediction_due(session, adapter, runtime.now(), is_scheduled=is_scheduled),
        )


def is_live_due(session: Session, adapter: Adapter, now: datetime) -> bool:
    """Whether what is live of an adapter is to be evaluated again."""
    if adapter.reevaluate_every is None or not adapter.is_enabled:
        return False
    times = states.get_live_times(session, adapter.adapter_name)
    return is_due_again(adapter.reevaluate_every, times, now)


def is_prediction_due(
    session: Session, adapter: Adapter, now: datetime, *, is_scheduled: bool
) -> bool:
    """Whether what is live of an adapter is to answer rows.

    Args:
        session: reads.
        adapter: its row.
        now: UTC.
        is_scheduled: whether the adapter is synced, which it is where it has no other schedule.
    """
    if adapter.prediction_query is None or adapter.predict == "off" or not adapter.is_enabled:
        return False
    times = states.get_live_times(session, adapter.adapter_name)
    if adapter.predict_every is None:
        return is_scheduled and times is not None
    return is_predict_every_over(adapter.predict_every, times, now)


def _plan(lease: AdapterLease, waiting: Waiting, is_forced: bool) -> AdapterPlan:
    runtime, adapter, request = lease.runtime, waiting.adapter, waiting.request
    check = lease.keeper.check
    if waiting.unfinished is None and request is not None:
        # --force demands a training, and the first request is what is trained for.
        asked = replace(request, is_forced=is_forced or request.is_forced)
        return plan_request(runtime, adapter, asked, check=check, equal=waiting.equal)
    return AdapterPlan(adapter, plan_adapter(runtime, adapter, force=is_forced, check=check))


def _plan_after_crashes(lease: AdapterLease, waiting: Waiting) -> AdapterPlan | None:
    """Return the refusal of what killed as many runners as may try.

    Returns:
        None if fewer died, or if a person wants it to be paused, cancelled or disabled.
    """
    runtime, adapter, run = lease.runtime, waiting.adapter, waiting.unfinished
    if lease.claim.crash_count < runtime.settings.max_attempts:
        return None
    if run is not None:
        if run.desired_state != DesiredState.RUNNING:
            return None
        error = runner_died(runtime, f"with run {run.run_id} while {run.state.value}")
        return AdapterPlan(adapter, Refuse(error, run.failure_count, run), is_trial=run.is_trial)
    if not adapter.is_enabled:
        return None
    refusal = refuse_after_crashes(runtime, adapter)
    if waiting.request is not None:
        return refuse_request(adapter, waiting.request, refusal)
    return AdapterPlan(adapter, refusal)
