"""The order in which a training takes samples and rehearsal pairs, step by step.

Pure Python and decided by the seed alone, so that a run that died at any step resumes with exactly
the same batches. Orders are made of positions, not texts: a million samples cost one list of
integers. Which pairs are rehearsed is decided in rehearsal/, how a step is computed in training.py.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from sqltune.records import Message, Sample

SORTING_WINDOW_BATCHES = 64


@dataclass(frozen=True)
class Pair:
    """One prompt with the response to learn."""

    #: The user's words, without the prompt form around them.
    prompt: str
    #: What the model learns to answer, without the end mark; of a rehearsal pair, what it answered.
    response: str
    #: The instruction before the prompt; None where there is none.
    system_prompt: str | None = None
    #: Factor on this pair's loss.
    weight: float = 1.0
    #: True where the base model's distribution over the response is kept, and not the text learnt.
    is_rehearsal: bool = False
    #: Whether the response was cut off, so that its end is not learnt.
    is_cut: bool = False
    #: A conversation of several turns in place of prompt and response, which repeat its last texts.
    messages: tuple[Message, ...] | None = None
    #: Of a conversation: all turns of the assistant, or only the last.
    train_on: str = "all"

    @classmethod
    def from_sample(cls, sample: Sample, train_on: str = "all") -> Pair:
        """Return what is trained of a sample."""
        return cls(
            sample.prompt,
            sample.response,
            sample.system_prompt,
            sample.weight,
            messages=sample.messages,
            train_on=train_on,
        )


@dataclass(frozen=True)
class StepIndices:
    """What one optimizer step is made of."""

    #: Positions in the list of samples.
    samples: tuple[int, ...]
    #: Positions in the list of rehearsal pairs.
    rehearsal: tuple[int, ...]


@dataclass(frozen=True)
class StepOrder:
    """Which samples and rehearsal pairs make up each step; any step can be asked for by its number.

    Each epoch has every sample exactly once. After each step with samples come
    `rehearsal_only_steps` steps without any. Rehearsal pairs are taken in a shuffled order, all of
    them once before the first is repeated.
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
    #: Length of each sample (any unit): batches of similar length. None: batches as shuffled.
    #: Not part of the hash, which every step takes, because there can be a million of them.
    lengths: tuple[int, ...] | None = field(default=None, hash=False)

    @property
    def group_size(self) -> int:
        """Steps per batch of samples: one with it, the rest rehearsal only."""
        return 1 + (self.rehearsal_only_steps if self._rehearses else 0)

    @property
    def batches_per_epoch(self) -> int:
        """Steps with samples per epoch."""
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
        """Return what step `number` (from 0) is made of; any step, in any order."""
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


@lru_cache(maxsize=2)
def _epoch_batches(order: StepOrder, epoch: int) -> list[tuple[int, ...]]:
    """Return the sample positions of each batch of one epoch."""
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
    """Return one shuffled round of all rehearsal pairs."""
    rng = random.Random(f"{order.seed}:rehearsal:{turn}")
    places = list(range(order.rehearsal_count))
    rng.shuffle(places)
    return places


def _cut(places: Sequence[int], size: int) -> list[tuple[int, ...]]:
    return [tuple(places[i : i + size]) for i in range(0, len(places), size)]
