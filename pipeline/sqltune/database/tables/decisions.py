"""The verdicts of the gate, with their figures: `gate_decisions`."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from sqltune.database.connection import Session
from sqltune.database.times import format_time
from sqltune.records import Comparison


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
    session: Session,
    run_id: int,
    adapter_name: str,
    version_number: int,
    comparison: Comparison,
    *,
    decision: str,
    reason: str,
    min_gain: float | None,
    now: datetime,
    settles_version: bool,
) -> None:
    """Store the verdict in place of an earlier one, and settle the state of the version with it
    unless a later run has done so.
    """
    session.execute("delete_decision", run_id=run_id)
    session.insert(
        "insert_decision",
        **{**asdict(comparison), "compared_phase": comparison.compared_phase.value},
        run_id=run_id,
        adapter_name=adapter_name,
        version_number=version_number,
        decision=decision,
        reason=reason,
        min_gain=min_gain,
        decided_at=format_time(now),
    )
    if settles_version:
        session.execute(
            "settle_version",
            adapter_name=adapter_name,
            version_number=version_number,
            state=decision,
            run_id=run_id,
        )
