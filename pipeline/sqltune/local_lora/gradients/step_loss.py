"""The loss of an optimizer step, in the two figures that are reported of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StepLoss:
    """The loss of a step, or what a part of its samples adds to it; in nats."""

    #: Weighted mean over all trained tokens of the step.
    weighted: float
    #: Sum over the samples' trained tokens: unweighted, rehearsal left out.
    sample_sum: float
