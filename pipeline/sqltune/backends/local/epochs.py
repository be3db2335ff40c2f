"""What happens at the end of each epoch of a local training: measured, kept, perhaps the last.

The last step of an epoch and what follows it are one unit: a training that is interrupted in
between resumes before that step, so that no epoch is left unmeasured.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqltune.backends.base import EpochWeights, Journal, Samples, TrainingJob
from sqltune.backends.local.files import TrainingFiles
from sqltune.backends.local.saving import save_announced
from sqltune.errors import LossNotFinite
from sqltune.local_lora.steps import Pair, StepOrder
from sqltune.local_lora.throttling import throttled
from sqltune.local_lora.training import LoraTrainer
from sqltune.records import Sample

#: Samples that are read, tokenised and measured at once: others wait no longer for the base model.
_PAGE = 32


@dataclass(frozen=True)
class EpochEnds:
    """The ends of the epochs of one training."""

    job: TrainingJob
    journal: Journal
    files: TrainingFiles
    order: StepOrder
    rehearsal_pairs: int
    #: Called between two pages of validation samples, while others may use the base model.
    give_way: Callable[[], None]

    def is_end(self, step_number: int) -> bool:
        """Whether something is done after this step, counted from 0."""
        is_last = (step_number + 1) % self.order.steps_per_epoch == 0
        return is_last and (self.job.validation is not None or self.job.options.keep_epochs)

    def finish(self, trainer: LoraTrainer) -> float | None:
        """Measure and keep the epoch that has just ended; return its loss where it is measured.

        Raises:
            LossNotFinite: the loss is not a number.
            BackendError: the weights cannot be written.
        """
        epoch = trainer.steps_done // self.order.steps_per_epoch
        eval_loss = None
        if self.job.validation is not None:
            eval_loss = self._measure(trainer, self.job.validation, epoch)
        if self.job.options.keep_epochs:
            self._keep(trainer, epoch, eval_loss)
        if eval_loss is not None:
            trainer.keep_best(epoch, eval_loss)
        return eval_loss

    def is_over(self, trainer: LoraTrainer) -> bool:
        """Whether the training stops here, because too many epochs were no better."""
        patience, best = self.job.options.early_stop_patience, trainer.best
        if patience is None or best is None:
            return False
        return trainer.steps_done // self.order.steps_per_epoch - best.epoch >= patience

    def describe_stop(self, trainer: LoraTrainer) -> str:
        """Return in words why the training stopped before its last epoch."""
        best = trainer.best
        assert best is not None, "only a measured epoch stops a training"  # noqa: S101
        done = trainer.steps_done // self.order.steps_per_epoch
        return (
            f"stopped after epoch {done} of {self.order.epochs}: eval_loss was lowest after epoch "
            f"{best.epoch} ({best.eval_loss:.4f})"
        )

    def _measure(self, trainer: LoraTrainer, validation: Samples, epoch: int) -> float:
        check = throttled(self.journal.check)
        loss_sum, tokens = 0.0, 0
        for page in _pages(validation):
            pairs = [Pair.from_sample(sample, self.job.options.train_on) for sample in page]
            page_sum, page_tokens = trainer.measure(pairs, check=check)
            loss_sum, tokens = loss_sum + page_sum, tokens + page_tokens
            self.give_way()
        loss = loss_sum / tokens if tokens else math.nan
        if not math.isfinite(loss):
            raise LossNotFinite(
                f"the loss of the validation samples is {loss} after epoch {epoch}: lower "
                "learning_rate, or check for damaged samples"
            )
        return loss

    def _keep(self, trainer: LoraTrainer, epoch: int, eval_loss: float | None) -> None:
        if self.files.find_epoch(epoch) is not None:
            return  # an earlier attempt kept these very weights
        save_announced(
            trainer,
            self.files.epoch_folder(epoch),
            self.job,
            self.journal,
            call_kind="save_epoch",
            rehearsal_pairs=self.rehearsal_pairs,
            measured={"epoch": epoch, "eval_loss": eval_loss},
        )


def kept_weights(files: TrainingFiles) -> tuple[EpochWeights, ...]:
    """Return what was kept of a training's epochs, by whichever attempt, in order."""
    return tuple(
        EpochWeights(
            epoch=epoch,
            eval_loss=found.eval_loss,
            external_id=None,
            artifact_uri=str(found.folder.resolve()),
            artifact_bytes=found.weights_bytes,
            artifact_sha256=found.weights_sha256,
        )
        for epoch, found in sorted(files.find_epochs().items())
    )


def _pages(samples: Samples) -> Iterator[list[Sample]]:
    for first in range(0, len(samples), _PAGE):
        yield samples.fetch(range(first, min(first + _PAGE, len(samples))))
