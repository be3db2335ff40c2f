"""The order of samples and rehearsal: complete, repeatable, and open at every step."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from sqltune.local_lora.steps import StepOrder

LENGTHS = tuple(10 * (i % 7 + 1) for i in range(23))
ORDER = StepOrder(
    sample_count=23,
    rehearsal_count=10,
    epochs=3,
    batch_size=1,
    rehearsal_per_step=4,
    rehearsal_only_steps=2,
    seed=1,
)


@pytest.mark.parametrize("batch_size", [1, 4, 23, 50])
@pytest.mark.parametrize("rehearsal_count", [0, 10])
@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_every_sample_is_seen_once_per_epoch(
    batch_size: int, rehearsal_count: int, lengths: tuple[int, ...] | None
) -> None:
    order = replace(ORDER, batch_size=batch_size, rehearsal_count=rehearsal_count, lengths=lengths)
    steps = list(order)
    assert len(steps) == len(order)
    for epoch in range(3):
        own = steps[epoch * order.steps_per_epoch : (epoch + 1) * order.steps_per_epoch]
        assert Counter(i for step in own for i in step.samples) == Counter(range(23))


def test_all_pairs_are_rehearsed_before_one_is_repeated() -> None:
    drawn = [index for step in ORDER for index in step.rehearsal]
    assert len(drawn) == 4 * 3 * 3 * 23
    assert all(set(drawn[i : i + 10]) == set(range(10)) for i in range(0, 820, 10))


def test_two_steps_of_rehearsal_alone_follow_each_step_with_samples() -> None:
    sizes = [(len(step.samples), len(step.rehearsal)) for step in ORDER]
    assert sizes == [(1, 4), (0, 4), (0, 4)] * 3 * 23


def test_without_pairs_every_step_has_samples() -> None:
    order = replace(ORDER, rehearsal_count=0)
    assert [(len(step.samples), step.rehearsal) for step in order] == [(1, ())] * 3 * 23


def test_the_seed_alone_decides_the_order() -> None:
    assert list(replace(ORDER, seed=5)) == list(replace(ORDER, seed=5))
    assert list(replace(ORDER, seed=5)) != list(replace(ORDER, seed=6))


def test_samples_of_similar_length_share_a_step() -> None:
    order = replace(ORDER, rehearsal_count=0, batch_size=4, lengths=LENGTHS)
    batches = [[LENGTHS[i] for i in step.samples] for step in order]
    spans = [max(lengths) - min(lengths) for lengths in batches]
    assert sum(spans) / len(spans) < 20


def test_any_step_can_be_asked_for_first() -> None:
    order = StepOrder(1_000_000, 0, 3, 8, 0, 0, seed=1)
    assert len(order) == 375_000
    late = order.step(300_000)
    assert order.step(0) != late == order.step(300_000)


def test_a_step_beyond_the_end_is_refused() -> None:
    with pytest.raises(IndexError, match="must be in 0"):
        StepOrder(4, 0, 1, 1, 0, 0, seed=1).step(4)
