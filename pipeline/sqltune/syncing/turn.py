"""One adapter's turn under its lease: what was left unfinished, then requests, then the plan.

Exclusion is per adapter. A runner that is asked to stop leaves its run resumable; one that lost its
lease writes nothing more; one whose database was unavailable continues from the last commit.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from datetime import datetime

from sqltune.database.connection import Session
from sqltune.database.patience import with_patience
from sqltune.database.tables import adapters, requests, runs, states
from sqltune.errors import LeaseLost
from sqltune.planning.plan import AdapterPlan, Paused, Refuse, Resume, Wait
from sqltune.records import Adapter, RunKind, RunState, SyncDecision
from sqltune.runtime import Runtime
from sqltune.syncing.executing import execute
from sqltune.syncing.lease import AdapterLease, lease_adapter
from sqltune.syncing.outcomes import Outcome
from sqltune.syncing.waiting import Progress, is_live_due, is_prediction_due, plan_next

logger = logging.getLogger(__name__)


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
    has_reevaluated: bool = False  #: what is live was evaluated, because it was due
    has_predicted: bool = False  #: what is live answered rows, because that was due

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do once no run is unfinished and no request waits."""
        return not self.is_forced and (bool(self.outcomes) or not self.is_scheduled)

    @property
    def progress(self) -> Progress:
        """What there is still to do."""
        return Progress(
            is_forced=self.is_forced,
            is_scheduled=self.is_scheduled,
            is_over=self.is_over,
            has_reevaluated=self.has_reevaluated,
            has_predicted=self.has_predicted,
        )

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
        plan = planned.plan
        kind = plan.run.run_kind if isinstance(plan, Resume) else planned.run_kind
        self.has_reevaluated |= kind is RunKind.REEVALUATE
        self.has_predicted |= kind is RunKind.PREDICT
        # A trial, or an evaluation that was left unfinished, is not the demanded training.
        self.is_forced = self.is_forced and not _trains_the_adapter(planned)


def sync_adapter(
    runtime: Runtime, adapter: Adapter, turn: Turn, *, stop: threading.Event
) -> list[Outcome]:
    """Take the next step for one adapter: what was left unfinished, then requests, then its plan.

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
    """Take one step; a request that was withdrawn meanwhile is none."""
    outcome: Outcome | None = None
    while outcome is None:
        planned = plan_next(lease, turn.progress)
        if planned is None:
            turn.has_more = False
            return
        _record_decision(lease, planned)
        outcome = execute(lease, planned)
        turn.add(planned, outcome)
    lease.comes_last |= outcome.state is RunState.FAILED
    turn.has_more = not _is_blocked(outcome) and not _is_done(lease, turn)


def _is_done(lease: AdapterLease, turn: Turn) -> bool:
    name = lease.adapter_name
    runtime = lease.runtime
    with runtime.database.read() as session:
        unfinished = runs.find_unfinished_run(session, name)
        request = requests.find_request(session, name)
        adapter = adapters.get_adapter(session, name)
        is_due = adapter is not None and _is_anything_due(session, adapter, turn, runtime.now())
    return turn.is_over and unfinished is None and request is None and not is_due


def _is_anything_due(session: Session, adapter: Adapter, turn: Turn, now: datetime) -> bool:
    """Whether what is live is still to be evaluated, or to answer rows, in this turn."""
    if not turn.has_reevaluated and is_live_due(session, adapter, now):
        return True
    is_due = is_prediction_due(session, adapter, now, is_scheduled=turn.is_scheduled)
    return is_due and not turn.has_predicted


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
