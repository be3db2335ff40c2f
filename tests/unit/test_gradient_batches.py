"""The seed decides the batches of every epoch, and each batch is found by its number alone."""

from __future__ import annotations

import pytest

from sqltune.backends.gradient.batches import Batches

BATCHES = Batches(sample_count=11, batch_size=4, epochs=3, seed=1)


def epochs(batches: Batches) -> list[list[int]]:
    """Return the order of the samples in each epoch."""
    numbers = range(len(batches))
    size = batches.per_epoch
    return [
        [
            position
            for number in numbers[first : first + size]
            for position in batches.positions(number)
        ]
        for first in numbers[::size]
    ]


def test_each_epoch_has_each_sample_once_in_an_order_of_its_own() -> None:
    orders = epochs(BATCHES)
    assert [sorted(order) for order in orders] == [list(range(11))] * 3
    assert len({tuple(order) for order in orders}) == 3


def test_only_the_last_batch_of_an_epoch_may_have_fewer_samples() -> None:
    sizes = [len(BATCHES.positions(number)) for number in range(len(BATCHES))]
    assert sizes == [4, 4, 3] * 3


def test_a_resumed_training_has_the_batches_that_are_left() -> None:
    uninterrupted = [list(BATCHES.positions(number)) for number in range(len(BATCHES))]
    resumed = Batches(sample_count=11, batch_size=4, epochs=3, seed=1)
    backwards = [list(resumed.positions(number)) for number in reversed(range(len(resumed)))]
    assert backwards == uninterrupted[::-1]


def test_another_seed_gives_other_batches() -> None:
    other = Batches(sample_count=11, batch_size=4, epochs=3, seed=2)
    assert epochs(other) != epochs(BATCHES)


def test_a_set_that_is_smaller_than_a_batch_is_one_batch_per_epoch() -> None:
    assert len(Batches(sample_count=3, batch_size=100, epochs=2, seed=1)) == 2


@pytest.mark.parametrize("number", [-1, 9])
def test_a_number_outside_the_training_is_refused(number: int) -> None:
    with pytest.raises(IndexError, match=rf"0\.\.8, got {number}"):
        BATCHES.positions(number)
