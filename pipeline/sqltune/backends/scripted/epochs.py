"""The epochs of a scripted training: what is measured after each, and when it stops.

A script lists the losses; without a list they fall as the loss of the samples does. All that
follows from them is known beforehand, so that a training that broke off ends as one that did not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from sqltune.backends.base import TrainingJob
from sqltune.backends.scripted.script import Script

FIRST_LOSS, LAST_LOSS = 3.0, 0.05
#: How far the loss of what was not trained is above that of what was.
_UNSEEN = 0.1


@dataclass(frozen=True)
class ScriptedEpochs:
    """The epochs of one training."""

    script: Script
    job: TrainingJob

    @property
    def done(self) -> int:
        """How many epochs are trained before the patience is over."""
        planned, patience = self.job.options.epochs, self.job.options.early_stop_patience
        if self.job.validation is None or patience is None:
            return planned
        stops = (e for e in range(1, planned) if e - self._best_until(e) >= patience)
        return next(stops, planned)

    @property
    def best(self) -> int | None:
        """The epoch whose weights are the adapter; None: nothing is measured."""
        return None if self.job.validation is None else self._best_until(self.done)

    def eval_loss(self, epoch: int | None) -> float | None:
        """Return what is measured after an epoch; None: nothing is."""
        if self.job.validation is None or epoch is None:
            return None
        listed = self.script.eval_losses
        if listed:
            return listed[min(epoch, len(listed)) - 1]
        return loss_at(epoch / self.job.options.epochs) + _UNSEEN

    def _best_until(self, epoch: int) -> int:
        return min(range(1, epoch + 1), key=lambda e: (self.eval_loss(e), e))


def loss_at(progress: float) -> float:
    """Return the loss after this share of a training."""
    return LAST_LOSS + (FIRST_LOSS - LAST_LOSS) * math.exp(-4 * progress)
