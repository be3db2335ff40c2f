"""The verdicts of the gate, with their figures: `gate_decisions`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime

from sqltune.database.connection import Session
from sqltune.database.times import format_time
from sqltune.verdicts import Comparison


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


@dataclass(frozen=True, slots=True)
class GateDecision:
    """One row of `gate_decisions`, without the figures of its comparison."""

    run_id: int
    adapter_name: str
    version_number: int
    decision: str  #: accepted, rejected
    reason: str
    min_gain: float | None
    rule: str  #: the column of adapters that decided


def replace_decision(
    session: Session, decision: GateDecision, comparison: Comparison, *, now: datetime
) -> None:
    """Store the verdict on a run in place of an earlier one."""
    session.execute("delete_decision", run_id=decision.run_id)
    session.insert(
        "insert_decision",
        **_figures(comparison),
        **asdict(decision),
        decided_at=format_time(now),
    )


def settle_version(session: Session, decision: GateDecision) -> None:
    """Set the state of the version to the verdict of the run."""
    session.execute(
        "settle_version",
        adapter_name=decision.adapter_name,
        version_number=decision.version_number,
        state=decision.decision,
        run_id=decision.run_id,
    )


def _figures(comparison: Comparison) -> dict[str, object]:
    values = asdict(comparison)
    for name in ("are_all_leaked", "repeated_count", "categories", "worst"):
        del values[name]
    worst = [
        {"prompt_key": each.prompt_key, "score_before": each.before, "score_after": each.after}
        for each in comparison.worst
    ]
    values["compared_phase"] = comparison.compared_phase.value
    values["worst_prompts"] = json.dumps(worst) if worst else None
    return values
