"""The history of evaluations: `evaluations`. Rows are added and never changed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from sqltune.database.connection import Session
from sqltune.database.times import format_time
from sqltune.verdicts import Standing


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One row of `evaluations`, without its number, its figures and its time."""

    adapter_name: str
    run_id: int
    version_number: int
    compared_version: int | None  #: None: the base model
    decision: str  #: accepted, rejected
    reason: str


def insert_evaluation(
    session: Session, evaluation: Evaluation, standing: Standing, *, now: datetime
) -> int:
    """Add an evaluation to the adapter's history and return its number.

    Args:
        session: the fenced transaction, so that no two evaluations take one number.
        evaluation: what was evaluated, and the verdict.
        standing: the figures.
        now: UTC.
    """
    last = session.fetch_one("get_last_evaluation_number", adapter_name=evaluation.adapter_name)
    number = (int(last.last_number) if last else 0) + 1
    session.execute(
        "insert_evaluation",
        **asdict(evaluation),
        **asdict(standing),
        evaluation_number=number,
        evaluated_at=format_time(now),
    )
    return number
