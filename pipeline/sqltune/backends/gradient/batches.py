"""The batches of a training: every epoch shuffles all samples into batches, as the seed decides.

Any batch can be computed from its number alone, so a training that was killed continues with
exactly the batches that it would have had. Only positions are kept, never samples.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Batches:
    """The batches of all epochs; each epoch contains every sample exactly once."""

    sample_count: int
    batch_size: int  #: samples per batch; the last batch of an epoch may have fewer
    epochs: int
    seed: int

    @property
    def per_epoch(self) -> int:
        """The number of batches in one epoch."""
        return -(-self.sample_count // self.batch_size)

    def __len__(self) -> int:
        return self.epochs * self.per_epoch

    def positions(self, number: int) -> Sequence[int]:
        """Return the positions of the samples in a batch; numbers start at 0."""
        if not 0 <= number < len(self):
            raise IndexError(f"number must be in 0..{len(self) - 1}, got {number}")
        epoch, within = divmod(number, self.per_epoch)
        first = within * self.batch_size
        return _shuffle(self.sample_count, self.seed, epoch)[first : first + self.batch_size]


@lru_cache(maxsize=1)
def _shuffle(sample_count: int, seed: int, epoch: int) -> list[int]:
    # One epoch is kept: shuffling a million positions for every batch would take half a second.
    positions = list(range(sample_count))
    random.Random(f"{seed}:epoch:{epoch}").shuffle(positions)
    return positions
