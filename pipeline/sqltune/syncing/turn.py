"""One adapter's turn under its lease: what was left unfinished, then requests, then the plan.

Exclusion is per adapter. A runner that is asked to stop leaves its run resumable; one that lost its
lease writes nothing more; one whose database was unavailable continues from the last commit.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field, replace

from sqltune.database.patience import with_patience
from sqltune.database.tables import adapters, aliases, requests, runs, states
from sqltune.errors import LeaseLost
from sqltune.planning.plan import AdapterPlan, Paused, Resume, Wait
from sqltune.planning.planner import plan_adapter
from sqltune.planning.requests import plan_request
from sqltune.records import Adapter, RunKind, RunState, SyncDecision
from sqltune.runtime import Runtime
from sqltune.syncing.executing import execute
from sqltune.syncing.lease import AdapterLease, lease_adapter
from sqltune.syncing.outcomes import Outcome

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Turn:
    """What one adapter's turn is to do and has done; a lost connection does not restart it."""

    is_forced: bool  #: a training was demanded, and this turn has not done it yet
    is_scheduled: bool  #: False: only unfinished runs and requests are carried out
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do once no run is unfinished and no request waits."""
        return not self.is_forced and (bool(self.outcomes) or not self.is_scheduled)

    def add(self, planned: AdapterPlan, outcome: Outcome | None) -> None:
        """Add the outcome of a plan; None: its request was withdrawn."""
        if outcome is None:
            return
        self.outcomes.append(outcome)
        # A trial, or an evaluation that was left unfinished, is not the demanded training.
        self.is_forced = self.is_forced and not _trains_the_adapter(planned)


def sync_adapter(
    runtime: Runtime,
    adapter: Adapter,
    *,
    force: bool,
    stop: threading.Event,
    is_scheduled: bool = True,
) -> list[Outcome]:
    """Bring one adapter up to date, requests first; return one outcome for each thing done.

    Args:
        runtime: the parts to work with.
        adapter: its row.
        force: train regardless of the last run.
        stop: set when this process is to end.
        is_scheduled: if False, only unfinished runs and requests are carried out.

    Raises:
        RunInterrupted: `stop` was set; what was begun can be resumed.
        DatabaseUnavailable: the database stayed unavailable; what was begun can be resumed.
    """
    turn = Turn(is_forced=force, is_scheduled=is_scheduled)
    with lease_adapter(runtime, adapter.adapter_name, stop) as lease:
        if lease is None:
            outcome = with_patience(
                lambda: describe_busy(runtime, adapter.adapter_name), stop, runtime.pauses_seconds
            )
            runtime.reporter.say(f"{adapter.adapter_name}: {outcome.reason}")
            return [outcome]
        try:
            with_patience(lambda: _take_turn(lease, turn), stop, runtime.pauses_seconds)
        except LeaseLost as error:
            runtime.reporter.say(f"{adapter.adapter_name}: {error}")
            turn.outcomes.append(Outcome(adapter.adapter_name, SyncDecision.BUSY, str(error)))
    return turn.outcomes


def describe_busy(runtime: Runtime, adapter_name: str) -> Outcome:
    """Return which runner has the adapter, on which run, and since when."""
    with runtime.database.read() as session:
        lease = states.list_leases(session).get(adapter_name)
    if lease is None or lease.claimed_at is None:
        reason = "another sync has just finished with it"
        return Outcome(adapter_name, SyncDecision.BUSY, reason)
    since = lease.claimed_at.strftime("%Y-%m-%d %H:%M:%S UTC")
    run = f" on run {lease.run_id}" if lease.run_id else ""
    reason = f"{lease.owner} works{run} since {since}"
    return Outcome(adapter_name, SyncDecision.BUSY, reason, lease.run_id)


def _take_turn(lease: AdapterLease, turn: Turn) -> None:
    while (planned := _plan_next(lease, turn)) is not None:
        _record_decision(lease, planned)
        outcome = execute(lease, planned)
        turn.add(planned, outcome)
        if outcome is not None and _ends_turn(outcome):
            return


def _plan_next(lease: AdapterLease, turn: Turn) -> AdapterPlan | None:
    """Return what to do next; None if the turn is over."""
    runtime, name = lease.runtime, lease.adapter_name
    with runtime.database.transaction(lease.claim) as session:
        # Earlier adapters and runs may have taken hours since the row was read.
        adapter = adapters.get_adapter(session, name)
        if adapter is None:
            return None
        aliases.settle_alias_changes(session, name, now=runtime.now())
        unfinished = runs.find_unfinished_run(session, name)
        waiting = requests.list_requests(session, name)
    if unfinished is None and waiting:
        # --force demands a training, and the first request is what is trained for.
        request = replace(waiting[0], is_forced=True) if turn.is_forced else waiting[0]
        return plan_request(runtime, adapter, request, check=lease.keeper.check)
    if unfinished is None and turn.is_over:
        return None
    plan = plan_adapter(runtime, adapter, force=turn.is_forced, check=lease.keeper.check)
    return AdapterPlan(adapter, plan)


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
    if isinstance(plan, Resume | Paused):
        return None  # an unfinished run is independent of the one that waits to be repeated
    failed = plan.run if isinstance(plan, Wait) else None
    return states.RetryTime(failed.next_attempt_at if failed is not None else None)


def _trains_the_adapter(planned: AdapterPlan) -> bool:
    if isinstance(planned.plan, Resume):
        run = planned.plan.run
        return run.run_kind is RunKind.TRAIN and not run.is_trial
    return not planned.is_trial


def _ends_turn(outcome: Outcome) -> bool:
    """Whether nothing more can be done now: a run is paused, or another runner has its row."""
    is_blocked = outcome.decision in (SyncDecision.PAUSED, SyncDecision.BUSY)
    return is_blocked or outcome.state is RunState.PAUSED
