"""Training steps as rows: what a backend reports, the tokens so far, and a loss for a line chart.

The loss of single steps jumps with their samples. The smoothed one is an exponential moving average
that depends on stored rows alone, so that a resumed training continues it exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from sqltune.backends.base import StepMetrics
from sqltune.database.connection import Session
from sqltune.database.tables.training_metrics import (
    StepRow,
    StepTotals,
    fetch_totals,
    replace_steps,
)

#: The share of the average before that stays at each step with samples.
SMOOTHING = 0.9
#: After so many steps the correction of the bias is 1: SMOOTHING to this power is below the
#: precision of a float, so that further steps need not be counted.
UNBIASED_STEPS = 400


def store_steps(
    session: Session, run_id: int, steps: Sequence[StepMetrics], *, now: datetime
) -> None:
    """Store steps that follow each other, in place of any from the first of them on."""
    before = fetch_totals(session, run_id, steps[0].step, count_limit=UNBIASED_STEPS)
    replace_steps(session, run_id, add_up(steps, before), now=now)


def add_up(steps: Sequence[StepMetrics], before: StepTotals) -> list[StepRow]:
    """Return the rows of steps that follow each other, after what the steps before add up to."""
    tokens, count, smoothed = before.tokens_seen, before.sample_steps, before.smoothed_loss
    rows = []
    for step in steps:
        tokens += step.tokens or 0
        if step.sample_loss is not None:
            count += 1
            smoothed = smooth(smoothed, step.sample_loss, count)
        rows.append(StepRow(**asdict(step), tokens_seen=tokens, smoothed_loss=smoothed))
    return rows


def smooth(average: float | None, loss: float, count: int) -> float:
    """Return the exponential moving average after one more loss, without bias towards zero.

    It is the average of TensorBoard's line charts, written so that it follows from the one before:
    https://github.com/tensorflow/tensorboard/blob/412c86e/tensorboard/webapp/widgets/line_chart_v2/data_transformer.ts

    Args:
        average: after the losses before; None: there are none.
        loss: the next one.
        count: how many losses there are, this one included.
    """
    if average is None:
        return loss
    return average + (1 - SMOOTHING) / (1 - SMOOTHING**count) * (loss - average)
