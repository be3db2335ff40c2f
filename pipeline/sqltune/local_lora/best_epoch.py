"""The weights of the epoch with the lowest loss so far, beside those that are trained further."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

_PREFIX = "best/"


@dataclass(frozen=True)
class BestEpoch:
    """What is kept of the best epoch."""

    #: 1, 2, 3 …
    epoch: int
    #: Mean over the trained tokens of the samples for validation, in nats.
    eval_loss: float
    #: Optimizer steps in these weights.
    steps: int
    #: The adapter's matrices by name, float32.
    matrices: Mapping[str, Tensor]

    def header(self) -> dict[str, Any]:
        """Return all but the matrices, as JSON has it."""
        return {"epoch": self.epoch, "eval_loss": self.eval_loss, "steps": self.steps}

    def tensors(self) -> dict[str, Tensor]:
        """Return the matrices, named as in a checkpoint."""
        return {f"{_PREFIX}{name}": matrix for name, matrix in self.matrices.items()}


def read_best(header: Mapping[str, Any] | None, tensors: Mapping[str, Tensor]) -> BestEpoch | None:
    """Return the best epoch of a checkpoint; None: no epoch was measured."""
    if header is None:
        return None
    matrices = {
        name.removeprefix(_PREFIX): tensor
        for name, tensor in tensors.items()
        if name.startswith(_PREFIX)
    }
    return BestEpoch(**header, matrices=matrices)
