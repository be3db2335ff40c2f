"""The verdicts of the gate, with their figures: `gate_decisions`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from sqltune.database.connection import Session
from sqltune.database.times import format_time
from sqltune.records import Comparison


@dataclass(frozen=True, slots=True)
class GateDecision:
    """One row of `gate_decisions`."""

    run_id: int
    adapter_name: str
    version_number: int
    decision: str  #: accepted, rejected
    reason: str
    min_gain: float | None  #: None: every version passes
    comparison: Comparison


def fetch_before_version(session: Session, run_id: int) -> int | None:
    """Return the version that was live when the run began; None if there was no other."""
    row = session.fetch_one("fetch_before_version", run_id=run_id)
    return None if row is None else row.before_version


def is_trial(session: Session, run_id: int) -> bool:
    """Return whether the run was asked for with other values than the adapter's row has."""
    row = session.fetch_one("fetch_before_version", run_id=run_id)
    return row is not None and bool(row.is_trial)


def find_later_evaluation(
    session: Session, adapter_name: str, version_number: int, run_id: int
) -> int | None:
    """Return the run that evaluated the version after this run did; None if there is none."""
    row = session.fetch_one(
        "find_later_evaluation",
        adapter_name=adapter_name,
        version_number=version_number,
        run_id=run_id,
    )
    return None if row is None else int(row.run_id)


def replace_decision(
    session: Session, decision: GateDecision, *, now: datetime, settles_version: bool
) -> None:
    """Store the verdict in place of an earlier one of the run.

    Args:
        session: the fenced transaction.
        decision: the verdict with its figures.
        now: UTC.
        settles_version: whether the version gets its state from it; not if a later run decided.
    """
    figures = decision.comparison
    session.execute("delete_decision", run_id=decision.run_id)
    session.insert(
        "insert_decision",
        **{**asdict(figures), "compared_phase": figures.compared_phase.value},
        run_id=decision.run_id,
        adapter_name=decision.adapter_name,
        version_number=decision.version_number,
        decision=decision.decision,
        reason=decision.reason,
        min_gain=decision.min_gain,
        decided_at=format_time(now),
    )
    if settles_version:
        session.execute(
            "settle_version",
            adapter_name=decision.adapter_name,
            version_number=decision.version_number,
            state=decision.decision,
            run_id=decision.run_id,
        )
