"""The order in which training sees samples and rehearsal: a list of pairs per optimizer step.

Pure Python and decided by the seed alone, so that a run that died at any step goes on with exactly
the same batches. Holds indices, not texts: a million samples cost one list of integers. Which
pairs are rehearsed is decided in rehearsal.py, how a step is computed in training.py.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import overload

SORTING_WINDOW_BATCHES = 64


@dataclass(frozen=True)
class Pair:
    """One prompt with the response to learn."""

    #: The user's words, without the prompt form around them.
    prompt: str
    #: What the model shall answer, without the end mark.
    response: str
    #: The instruction that stands before the prompt; None where there is none.
    system_prompt: str | None = None
    #: Factor on this pair's loss.
    weight: float = 1.0
    #: True for an answer of the base model's own, trained so that it survives.
    is_rehearsal: bool = False


@dataclass(frozen=True)
class StepIndices:
    """What one optimizer step is made of."""

    #: Positions in the list of samples.
    samples: tuple[int, ...]
    #: Positions in the list of rehearsal pairs.
    rehearsal: tuple[int, ...]


@dataclass(frozen=True)
class StepOrder:
    """How samples and rehearsal are dealt out; every step can be asked for by its number.

    Each epoch holds every sample exactly once. After each step with samples come
    `rehearsal_only_steps` steps without any. Rehearsal pairs go round in a shuffled order, all of
    them once before the first comes again.
    """

    #: How many samples there are.
    sample_count: int
    #: How many rehearsal pairs there are; 0 leaves rehearsal out altogether.
    rehearsal_count: int
    #: How often each sample is seen.
    epochs: int
    #: Samples per optimizer step.
    batch_size: int
    #: Rehearsal pairs in every step.
    rehearsal_per_step: int
    #: Steps of rehearsal alone after each step with samples.
    rehearsal_only_steps: int
    #: Decides every order.
    seed: int
    #: Length of each sample (any unit): batches of like length. None: batches as shuffled.
    #: Left out of the hash, which every step takes, because there can be a million of them.
    lengths: tuple[int, ...] | None = field(default=None, hash=False)

    @property
    def group_size(self) -> int:
        """Steps per batch of samples: one with it, the rest rehearsal only."""
        return 1 + (self.rehearsal_only_steps if self._rehearses else 0)

    @property
    def batches_per_epoch(self) -> int:
        """Steps per epoch that hold samples."""
        return -(-self.sample_count // self.batch_size)

    @property
    def steps_per_epoch(self) -> int:
        """All steps per epoch."""
        return self.batches_per_epoch * self.group_size

    def __len__(self) -> int:
        return self.epochs * self.steps_per_epoch

    def __iter__(self) -> Iterator[StepIndices]:
        return (self.step(number) for number in range(len(self)))

    def step(self, number: int) -> StepIndices:
        """What step `number` (from 0) is made of; any step, in any order."""
        if not 0 <= number < len(self):
            raise IndexError(f"step must be in 0..{len(self) - 1}, got {number}")
        epoch, within = divmod(number, self.steps_per_epoch)
        batch, place = divmod(within, self.group_size)
        samples = _epoch_batches(self, epoch)[batch] if place == 0 else ()
        return StepIndices(samples, self._rehearsal_of(number))

    @property
    def _rehearses(self) -> bool:
        return self.rehearsal_count > 0 and self.rehearsal_per_step > 0

    def _rehearsal_of(self, number: int) -> tuple[int, ...]:
        if not self._rehearses:
            return ()
        first = number * self.rehearsal_per_step
        draws = (divmod(first + i, self.rehearsal_count) for i in range(self.rehearsal_per_step))
        return tuple(_rehearsal_round(self, turn)[place] for turn, place in draws)


class Steps(Sequence[list[Pair]]):
    """The steps of a `StepOrder` with their pairs looked up when a step is asked for."""

    def __init__(
        self, order: StepOrder, samples: Sequence[Pair], rehearsal: Sequence[Pair]
    ) -> None:
        """Join an order with the pairs that it points to."""
        self.order = order
        self._samples = samples
        self._rehearsal = rehearsal

    def __len__(self) -> int:
        return len(self.order)

    @overload
    def __getitem__(self, number: int) -> list[Pair]: ...
    @overload
    def __getitem__(self, number: slice) -> list[list[Pair]]: ...
    def __getitem__(self, number: int | slice) -> list[Pair] | list[list[Pair]]:
        if isinstance(number, slice):
            return [self[i] for i in range(*number.indices(len(self)))]
        step = self.order.step(number if number >= 0 else len(self) + number)
        pairs = [self._samples[i] for i in step.samples]
        return pairs + [self._rehearsal[i] for i in step.rehearsal]


def plan_steps(
    samples: Sequence[Pair],
    rehearsal_pairs: Sequence[Pair],
    *,
    epochs: int,
    batch_size: int,
    rehearsal_per_step: int,
    rehearsal_only_steps: int,
    seed: int,
) -> Steps:
    """The pairs of every optimizer step, in order.

    Without rehearsal and with more than one sample per step, samples of like length share a step,
    so that padding or packing wastes little.
    """
    sorts = not rehearsal_pairs and batch_size > 1
    order = StepOrder(
        sample_count=len(samples),
        rehearsal_count=len(rehearsal_pairs),
        epochs=epochs,
        batch_size=batch_size,
        rehearsal_per_step=rehearsal_per_step,
        rehearsal_only_steps=rehearsal_only_steps,
        seed=seed,
        lengths=tuple(len(s.prompt) + len(s.response) for s in samples) if sorts else None,
    )
    return Steps(order, samples, rehearsal_pairs)


@lru_cache(maxsize=2)
def _epoch_batches(order: StepOrder, epoch: int) -> list[tuple[int, ...]]:
    """The sample positions of each batch of one epoch."""
    rng = random.Random(f"{order.seed}:epoch:{epoch}")
    places = list(range(order.sample_count))
    rng.shuffle(places)
    if order.lengths is None:
        return _cut(places, order.batch_size)
    batches: list[tuple[int, ...]] = []
    for window in _cut(places, order.batch_size * SORTING_WINDOW_BATCHES):
        batches += _cut(sorted(window, key=order.lengths.__getitem__), order.batch_size)
    # A batch that is not full must stay last: only then do all epochs have equally many steps.
    full = [batch for batch in batches if len(batch) == order.batch_size]
    rng.shuffle(full)
    return full + [batch for batch in batches if len(batch) < order.batch_size]


@lru_cache(maxsize=4)
def _rehearsal_round(order: StepOrder, turn: int) -> list[int]:
    """One shuffled round over all rehearsal pairs."""
    rng = random.Random(f"{order.seed}:rehearsal:{turn}")
    places = list(range(order.rehearsal_count))
    rng.shuffle(places)
    return places


def _cut(places: Sequence[int], size: int) -> list[tuple[int, ...]]:
    return [tuple(places[i : i + size]) for i in range(0, len(places), size)]
