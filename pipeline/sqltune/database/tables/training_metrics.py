"""The optimizer steps of a training: `training_metrics`, and the progress of the run beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqltune.database.connection import Session
from sqltune.database.times import format_time


@dataclass(frozen=True, slots=True)
class StepRow:
    """One row of `training_metrics`."""

    step: int  #: 1, 2, 3 ...
    epoch: float
    train_loss: float
    sample_loss: float | None  #: None: the step has no samples, only rehearsal
    smoothed_loss: float | None  #: None: no step so far had samples
    learning_rate: float | None
    gradient_norm: float | None
    tokens: int | None
    trained_tokens: int | None
    tokens_seen: int
    eval_loss: float | None = None  #: None: not measured after this step


@dataclass(frozen=True, slots=True)
class StepTotals:
    """What has added up over the steps before one."""

    tokens_seen: int = 0
    sample_steps: int = 0  #: steps with samples, counted up to a limit
    smoothed_loss: float | None = None  #: None: none of them had samples


def fetch_totals(session: Session, run_id: int, step: int, *, count_limit: int) -> StepTotals:
    """Return what the steps of a run before this one add up to."""
    last = session.fetch_one("get_step_before", run_id=run_id, step=step)
    counted = session.fetch_one(
        "count_sample_steps", run_id=run_id, step=step, row_limit=count_limit
    )
    if last is None or counted is None:
        return StepTotals()
    return StepTotals(int(last.tokens_seen), int(counted.sample_steps), last.smoothed_loss)


def get_last_step(session: Session, run_id: int) -> int:
    """Return the last step of a run that is stored; 0 where there is none."""
    row = session.fetch_one("get_training_summary", run_id=run_id)
    return 0 if row is None else int(row.last_step or 0)


def replace_steps(session: Session, run_id: int, rows: Sequence[StepRow], *, now: datetime) -> None:
    """Store steps, in place of those from the first of them on, and show the last one in the run.

    Args:
        session: the fenced transaction.
        run_id: the run that trains.
        rows: ascending and without gaps.
        now: UTC.
    """
    session.execute("delete_metrics_from", run_id=run_id, step=rows[0].step)
    logged_at = format_time(now)
    session.execute_many(
        "insert_metrics", [{**asdict(row), "run_id": run_id, "now": logged_at} for row in rows]
    )
    session.execute(
        "set_run_progress",
        run_id=run_id,
        steps_done=rows[-1].step,
        tokens_processed=rows[-1].tokens_seen,
    )
