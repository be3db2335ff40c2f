"""One adapter's turn under its lease: what was left unfinished, then requests, then the plan.

Exclusion is per adapter. A runner that is asked to stop leaves its run resumable; one that lost its
lease writes nothing more; one whose database was unavailable continues from the last commit.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field, replace
from datetime import timedelta

from sqltune.database.patience import with_patience
from sqltune.database.tables import adapters, aliases, requests, runs, states
from sqltune.database.tables.requests import EqualRequests
from sqltune.errors import LeaseLost
from sqltune.planning.pausing import refuse_after_crashes, runner_died
from sqltune.planning.plan import AdapterPlan, Paused, Refuse, Resume, Wait
from sqltune.planning.planner import plan_adapter
from sqltune.planning.requests import plan_request, refuse_request
from sqltune.records import (
    Adapter,
    DesiredState,
    Run,
    RunKind,
    RunRequest,
    RunState,
    SyncDecision,
)
from sqltune.runtime import Runtime
from sqltune.syncing.executing import execute
from sqltune.syncing.lease import AdapterLease, lease_adapter
from sqltune.syncing.outcomes import Outcome

logger = logging.getLogger(__name__)


#: An adapter whose planning takes more than this share of a selection's time limit is slow.
_SLOW_SHARE = 0.1


@dataclass(slots=True)
class Turn:
    """What an adapter's turns in one sync are to do and have done.

    Each turn does one thing, so that an adapter with many requests does not keep others waiting. A
    lost connection does not restart it.
    """

    is_forced: bool  #: a training was demanded, and no turn has done it yet
    is_scheduled: bool  #: False: only unfinished runs and requests are carried out
    outcomes: list[Outcome] = field(default_factory=list)
    has_more: bool = True  #: False: nothing is left to do now

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do once no run is unfinished and no request waits."""
        return not self.is_forced and (bool(self.outcomes) or not self.is_scheduled)

    def leave(self, runtime: Runtime, busy: Outcome) -> None:
        """Leave the adapter to the runner that has it."""
        runtime.reporter.say(f"{busy.adapter_name}: {busy.reason}")
        self.outcomes.append(busy)
        self.has_more = False

    def add(self, planned: AdapterPlan, outcome: Outcome | None) -> None:
        """Add the outcome of a plan; None: its request was withdrawn."""
        if outcome is None:
            return
        self.outcomes.append(outcome)
        # A trial, or an evaluation that was left unfinished, is not the demanded training.
        self.is_forced = self.is_forced and not _trains_the_adapter(planned)


def sync_adapter(
    runtime: Runtime, adapter: Adapter, turn: Turn, *, stop: threading.Event
) -> list[Outcome]:
    """Do the next thing for one adapter: what was left unfinished, then requests, then its plan.

    Args:
        runtime: the parts to work with.
        adapter: its row.
        turn: what is to be done; what was done is added.
        stop: set when this process is to end.

    Returns:
        What this turn did.

    Raises:
        RunInterrupted: `stop` was set; what was begun can be resumed.
        DatabaseUnavailable: the database stayed unavailable; what was begun can be resumed.
    """
    before, pauses = len(turn.outcomes), runtime.pauses_seconds
    with lease_adapter(runtime, adapter.adapter_name, stop) as lease:
        if lease is None:
            busy = with_patience(lambda: describe_busy(runtime, adapter.adapter_name), stop, pauses)
            turn.leave(runtime, busy)
            return turn.outcomes[before:]
        try:
            with_patience(lambda: _take_turn(lease, turn), stop, pauses)
        except LeaseLost as error:
            turn.leave(runtime, Outcome(adapter.adapter_name, SyncDecision.BUSY, str(error)))
    return turn.outcomes[before:]


def describe_busy(runtime: Runtime, adapter_name: str) -> Outcome:
    """Return which runner has the adapter, on which run, and since when."""
    with runtime.database.read() as session:
        lease_seconds = runtime.settings.lease_seconds
        lease = states.list_leases(session, lease_seconds=lease_seconds).get(adapter_name)
    if lease is None or lease.claimed_at is None:
        reason = "another sync has just finished with it"
        return Outcome(adapter_name, SyncDecision.BUSY, reason)
    since = lease.claimed_at.strftime("%Y-%m-%d %H:%M:%S UTC")
    run = f" on run {lease.run_id}" if lease.run_id else ""
    reason = f"{lease.owner} works{run} since {since}"
    return Outcome(adapter_name, SyncDecision.BUSY, reason, lease.run_id)


def _take_turn(lease: AdapterLease, turn: Turn) -> None:
    """Do one thing; a request that was withdrawn meanwhile is none."""
    outcome: Outcome | None = None
    while outcome is None:
        planned = _plan_next(lease, turn)
        if planned is None:
            turn.has_more = False
            return
        _record_decision(lease, planned)
        outcome = execute(lease, planned)
        turn.add(planned, outcome)
    lease.comes_last |= outcome.state is RunState.FAILED
    turn.has_more = not _is_blocked(outcome) and not _is_done(lease, turn)


def _plan_next(lease: AdapterLease, turn: Turn) -> AdapterPlan | None:
    """Return what to do next; None if nothing is left."""
    waiting = _read_waiting(lease)
    if waiting is None or (waiting.is_empty and turn.is_over):
        return None
    began = lease.runtime.now()
    if lease.claim.crash_count >= lease.runtime.settings.max_attempts:
        planned = _plan_after_crashes(lease, waiting) or _plan(lease, turn, waiting)
    else:
        planned = _plan(lease, turn, waiting)
    limit = timedelta(seconds=lease.runtime.settings.selection_timeout_seconds * _SLOW_SHARE)
    lease.comes_last = lease.runtime.now() - began > limit
    return planned


@dataclass(frozen=True, slots=True)
class _Waiting:
    """What waits for an adapter's turn."""

    adapter: Adapter
    unfinished: Run | None
    request: RunRequest | None
    equal: EqualRequests  #: the last of the requests that are there

    @property
    def is_empty(self) -> bool:
        return self.unfinished is None and self.request is None


def _read_waiting(lease: AdapterLease) -> _Waiting | None:
    """Read what waits; None if the adapter is no longer declared."""
    runtime, name = lease.runtime, lease.adapter_name
    with runtime.database.transaction(lease.claim) as session:
        # Earlier adapters and runs may have taken hours since the row was read.
        adapter = adapters.get_adapter(session, name)
        if adapter is None:
            return None
        aliases.settle_alias_changes(session, name, now=runtime.now())
        return _Waiting(
            adapter,
            runs.find_unfinished_run(session, name),
            requests.find_request(session, name),
            EqualRequests(requests.find_newest_request(session, name), runtime.now()),
        )


def _plan(lease: AdapterLease, turn: Turn, waiting: _Waiting) -> AdapterPlan:
    runtime, adapter, request = lease.runtime, waiting.adapter, waiting.request
    check = lease.keeper.check
    if waiting.unfinished is None and request is not None:
        # --force demands a training, and the first request is what is trained for.
        asked = replace(request, is_forced=request.is_forced or turn.is_forced)
        return plan_request(runtime, adapter, asked, check=check, equal=waiting.equal)
    return AdapterPlan(adapter, plan_adapter(runtime, adapter, force=turn.is_forced, check=check))


def _plan_after_crashes(lease: AdapterLease, waiting: _Waiting) -> AdapterPlan | None:
    """Give up what killed as many runners as may try; None if it is to be paused or cancelled."""
    runtime, adapter, run = lease.runtime, waiting.adapter, waiting.unfinished
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


def _is_done(lease: AdapterLease, turn: Turn) -> bool:
    name = lease.adapter_name
    with lease.runtime.database.read() as session:
        unfinished = runs.find_unfinished_run(session, name)
        request = requests.find_request(session, name)
    return turn.is_over and unfinished is None and request is None


def _record_decision(lease: AdapterLease, planned: AdapterPlan) -> None:
    plan, name, runtime = planned.plan, lease.adapter_name, lease.runtime
    # A trial is not about the adapter's own row.
    if not planned.is_trial:
        with runtime.database.transaction(lease.claim) as session:
            states.record_sync_decision(
                session,
                name,
                decision=plan.decision,
                reason=plan.reason,
                retry=_retry_time(planned),
                now=runtime.now(),
            )
    runtime.reporter.say(f"{name}: {plan.decision.value.replace('_', ' ')}, {plan.reason}")
    logger.info(
        "%s: %s",
        name,
        plan.decision.value,
        extra={"event": "adapter_decided", "adapter": name, "decision": plan.decision.value},
    )


def _retry_time(planned: AdapterPlan) -> states.RetryTime | None:
    """Return when a worker tries again; None leaves the stored time unchanged."""
    plan = planned.plan
    if isinstance(plan, Resume | Paused) or (isinstance(plan, Refuse) and plan.run is not None):
        return None  # an unfinished run is independent of the one that waits to be repeated
    failed = plan.run if isinstance(plan, Wait) else None
    return states.RetryTime(failed.next_attempt_at if failed is not None else None)


def _trains_the_adapter(planned: AdapterPlan) -> bool:
    if isinstance(planned.plan, Resume):
        run = planned.plan.run
        return run.run_kind is RunKind.TRAIN and not run.is_trial
    return not planned.is_trial


def _is_blocked(outcome: Outcome) -> bool:
    """Whether nothing more can be done now: a run is paused, or another runner has its row."""
    is_left = outcome.decision in (SyncDecision.PAUSED, SyncDecision.BUSY)
    return is_left or outcome.state is RunState.PAUSED
