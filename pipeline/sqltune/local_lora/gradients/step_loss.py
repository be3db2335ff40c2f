"""The loss of an optimizer step, in the two figures that are reported of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class StepLoss:
    """The loss of a step, or what a part of its samples adds to it; in nats."""

    #: Weighted mean over all trained tokens of the step.
    weighted: float
    #: Sum over the samples' trained tokens: unweighted, rehearsal left out.
    sample_sum: float


def add_up(parts: Sequence[StepLoss]) -> StepLoss:
    """Return the loss of a step from those of its parts."""
    return StepLoss(
        weighted=math.fsum(part.weighted for part in parts),
        sample_sum=math.fsum(part.sample_sum for part in parts),
    )
