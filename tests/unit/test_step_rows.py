"""Training steps as rows: tokens add up, and a line chart has a loss at every step."""

from __future__ import annotations

import math

import pytest

from sqltune.backends.base import StepMetrics
from sqltune.database.tables.training_metrics import StepTotals
from sqltune.run.step_rows import SMOOTHING, UNBIASED_STEPS, add_up


def steps(*losses: float | None, first: int = 1, tokens: int | None = 10) -> list[StepMetrics]:
    """One step for each loss of its samples; None: it has only rehearsal."""
    return [
        StepMetrics(
            step=number,
            epoch=number / 10,
            train_loss=7.0,
            learning_rate=0.1,
            gradient_norm=None,
            tokens=tokens,
            trained_tokens=5,
            sample_loss=loss,
        )
        for number, loss in enumerate(losses, first)
    ]


def debiased(losses: list[float]) -> list[float]:
    """The average as TensorBoard computes it, from all losses at once."""
    last, averages = 0.0, []
    for number, loss in enumerate(losses, 1):
        last = last * SMOOTHING + (1 - SMOOTHING) * loss
        averages.append(last / (1 - SMOOTHING**number))
    return averages


def test_the_smoothed_loss_is_the_average_without_bias() -> None:
    losses = [4.0 + math.sin(number) - number / 50 for number in range(150)]
    smoothed = [row.smoothed_loss for row in add_up(steps(*losses), StepTotals())]
    assert smoothed[0] == losses[0]
    assert smoothed == pytest.approx(debiased(losses), rel=1e-12)


def test_a_loss_that_stays_equal_is_smoothed_to_itself() -> None:
    assert {row.smoothed_loss for row in add_up(steps(*[2.5] * 50), StepTotals())} == {2.5}


def test_from_the_first_step_with_samples_on_every_step_has_a_smoothed_loss() -> None:
    rows = add_up(steps(None, 2.0, None, 1.0, None), StepTotals())
    after = debiased([2.0, 1.0])[1]
    assert [row.sample_loss for row in rows] == [None, 2.0, None, 1.0, None]
    smoothed = [row.smoothed_loss for row in rows]
    assert smoothed[:3] == [None, 2.0, 2.0]
    assert smoothed[3:] == [pytest.approx(after)] * 2


def test_tokens_add_up_and_unknown_ones_count_as_none() -> None:
    rows = add_up(steps(1.0, 1.0), StepTotals(tokens_seen=100))
    assert [row.tokens_seen for row in rows] == [110, 120]
    assert [row.tokens_seen for row in add_up(steps(1.0, tokens=None), StepTotals(7))] == [7]


def test_the_count_of_steps_may_stop_where_it_no_longer_changes_anything() -> None:
    losses = [3.0 + math.cos(number) for number in range(500)]
    whole = add_up(steps(*losses), StepTotals())
    for cut in (UNBIASED_STEPS, UNBIASED_STEPS + 60):
        before = StepTotals(10 * cut, UNBIASED_STEPS, whole[cut - 1].smoothed_loss)
        assert add_up(steps(*losses[cut:], first=cut + 1), before) == whole[cut:]
