from __future__ import annotations

from collections import Counter

import pytest

from sqltune.local_lora.steps import Pair, StepOrder, plan_steps

SAMPLES = [Pair(f"question {i}", "answer " * (i % 7 + 1)) for i in range(23)]
REHEARSAL = [Pair(f"known {i}", "fact", is_rehearsal=True) for i in range(10)]


def plan(rehearsal: list[Pair], batch_size: int = 1, seed: int = 1) -> list[list[Pair]]:
    steps = plan_steps(
        SAMPLES,
        rehearsal,
        epochs=3,
        batch_size=batch_size,
        rehearsal_per_step=4,
        rehearsal_only_steps=2,
        seed=seed,
    )
    return list(steps)


@pytest.mark.parametrize("batch_size", [1, 4, 23, 50])
@pytest.mark.parametrize("rehearsal", [[], REHEARSAL])
def test_every_sample_is_seen_once_per_epoch(rehearsal: list[Pair], batch_size: int) -> None:
    steps = plan(rehearsal, batch_size)
    per_epoch = len(steps) // 3
    for epoch in range(3):
        pairs = [p for s in steps[epoch * per_epoch : (epoch + 1) * per_epoch] for p in s]
        assert Counter(p for p in pairs if not p.is_rehearsal) == Counter(SAMPLES)


def test_rehearsal_goes_round_before_it_repeats() -> None:
    drawn = [pair for step in plan(REHEARSAL) for pair in step if pair.is_rehearsal]
    assert set(drawn[:10]) == set(REHEARSAL)
    assert len(drawn) == 4 * 3 * 3 * len(SAMPLES)


def test_two_steps_of_rehearsal_alone_follow_each_step_with_samples() -> None:
    shapes = [[pair.is_rehearsal for pair in step] for step in plan(REHEARSAL)[:3]]
    assert shapes == [[False, *[True] * 4], [True] * 4, [True] * 4]


def test_the_seed_alone_decides_the_order() -> None:
    assert plan(REHEARSAL, seed=5) == plan(REHEARSAL, seed=5)
    assert plan(REHEARSAL, seed=5) != plan(REHEARSAL, seed=6)


def test_samples_of_like_length_share_a_step() -> None:
    spans = [
        max(lengths) - min(lengths)
        for step in plan([], batch_size=4)
        for lengths in [[len(pair.response) for pair in step]]
    ]
    assert sum(spans) / len(spans) < len("answer ") * 2


def test_any_step_can_be_asked_for_first() -> None:
    order = StepOrder(1_000_000, 0, 3, 8, 0, 0, seed=1)
    assert len(order) == 375_000
    late = order.step(300_000)
    assert order.step(0) != late == order.step(300_000)


def test_a_step_beyond_the_end_is_refused() -> None:
    with pytest.raises(IndexError, match="must be in 0"):
        StepOrder(4, 0, 1, 1, 0, 0, seed=1).step(4)
