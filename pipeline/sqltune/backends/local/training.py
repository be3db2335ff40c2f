"""One training of the local backend: rehearsal, steps, checkpoints, and the finished folder.

A training that died goes on from its checkpoint and ends with the same weights; one that had
finished only gives back its folder. What is written carries the attempt's number (local_files.py).
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from sqltune.backends.base import (
    Journal,
    Samples,
    StepMetrics,
    TrainedAdapter,
    TrainingJob,
    TrainingOptions,
)
from sqltune.backends.local.files import FinishedFolder, Rehearsed, TrainingFiles
from sqltune.errors import FilesNotWritten, RunInterrupted, TrainingError
from sqltune.local_lora.adapters import SavedAdapter
from sqltune.local_lora.answering import Question
from sqltune.local_lora.models import LoadedModel
from sqltune.local_lora.rehearsal.rehearsal import (
    PROMPTS_LOOKED_AT,
    RehearsalMode,
    RehearsalOptions,
    extra_pairs,
    rehearses,
)
from sqltune.local_lora.sampling import Sampling
from sqltune.local_lora.sources import EMBEDDED_NAME
from sqltune.local_lora.steps import Pair, StepOrder
from sqltune.local_lora.training import LoraOptions, LoraStep, LoraTrainer
from sqltune.local_lora.tuning_defaults import TuningDefaults, tuning_for
from sqltune.records import Sample

logger = logging.getLogger(__name__)

#: A killed training repeats at most about this many seconds of work.
CHECKPOINT_SECONDS = 30.0
#: Longest answer of the base model that is rehearsed, in tokens.
_REHEARSED_TOKENS = 64
#: Steps that are committed together at most; they wait at most half a second for each other.
_STEPS_AT_ONCE = 100
_SECONDS_AT_ONCE = 0.5

#: For a pretrained model of ordinary size; rehearsal only where a row asks for it.
OTHER_TUNING = TuningDefaults(
    rank=16,
    alpha=32.0,
    learning_rate=2e-4,
    batch_size=8,
    rehearsal=RehearsalOptions(per_step=4, only_steps=0),
)


@dataclass(frozen=True)
class LocalTraining:
    """One training as asked for, and where its files go."""

    base: LoadedModel
    job: TrainingJob
    samples: Samples
    journal: Journal
    files: TrainingFiles
    monotonic: Callable[[], float] = time.monotonic

    def run(self) -> TrainedAdapter:
        """Train to the end, or give back what an earlier call finished."""
        options = fill_in(self.job, len(self.samples))
        finished = self.files.find_finished()
        self._settle_open_calls(finished)
        if finished is None:
            finished = self._make(options)
        self.files.forget_checkpoints()
        return _trained(options, finished)

    def _make(self, options: TrainingOptions) -> FinishedFolder:
        trainer, rehearsed = self._take_up(options) or self._begin(options)
        try:
            order = self._order(options, len(rehearsed.pairs))
            self.journal.plan(len(order))
            self._train(trainer, order, rehearsed)
            saved = self._save(trainer, len(rehearsed.pairs))
        finally:
            trainer.close()
        return FinishedFolder(
            saved.folder, saved.weights_bytes, saved.weights_sha256, len(rehearsed.pairs)
        )

    @property
    def _defaults(self) -> TuningDefaults:
        return find_defaults(self.job, len(self.samples))

    def _train(self, trainer: LoraTrainer, order: StepOrder, rehearsed: Rehearsed) -> None:
        told: list[StepMetrics] = []
        # The first step is told at once: a person waits for a sign of life.
        told_at, saved_at = -math.inf, self.monotonic()
        try:
            for number in range(trainer.steps_done, len(order)):
                self.journal.check()
                told.append(self._step(trainer, order, number, rehearsed.pairs))
                now = self.monotonic()
                if len(told) >= _STEPS_AT_ONCE or now - told_at >= _SECONDS_AT_ONCE:
                    self._tell(told)
                    told_at = now
                if now - saved_at >= CHECKPOINT_SECONDS:
                    self._checkpoint(trainer, told, rehearsed)
                    saved_at = now
        except RunInterrupted:
            self._checkpoint(trainer, told, rehearsed)
            raise
        self._tell(told)

    def _step(
        self, trainer: LoraTrainer, order: StepOrder, number: int, pairs: Sequence[Pair]
    ) -> StepMetrics:
        step = order.step(number)
        batch = [_pair(sample) for sample in self.samples.fetch(step.samples)]
        batch += [pairs[index] for index in step.rehearsal]
        return _metrics(trainer.step(batch, pause=self.journal.check), len(order), order.epochs)

    def _tell(self, steps: list[StepMetrics]) -> None:
        self.journal.record(steps)
        steps.clear()

    def _checkpoint(
        self, trainer: LoraTrainer, told: list[StepMetrics], rehearsed: Rehearsed
    ) -> None:
        """Write a checkpoint, after the steps in it: whoever resumes does not tell them again.

        Where it cannot be written, for instance on a full disk, the training goes on without, and
        one that is asked to stop stops all the same.
        """
        self._tell(told)
        try:
            trainer.checkpoint(self.files.checkpoint_folder, rehearsal=rehearsed.sha256)
        except FilesNotWritten as error:
            self.journal.event("checkpoint_not_written", str(error))

    def _take_up(self, options: TrainingOptions) -> tuple[LoraTrainer, Rehearsed] | None:
        """Go on from the checkpoint that came furthest, of whichever attempt."""
        for folder in self.files.list_checkpoints():
            try:
                rehearsed = self.files.read_rehearsed(folder)
                trainer = LoraTrainer.resume(self.base, folder)
            except TrainingError as error:
                self.journal.event("checkpoint_unreadable", f"it is left out: {error}")
                continue
            if trainer.total_steps == len(self._order(options, len(rehearsed.pairs))):
                if rehearsed.pairs:
                    rehearsed = self.files.write_rehearsed(rehearsed.pairs)
                self.journal.event("checkpoint_read", f"goes on after step {trainer.steps_done}")
                return trainer, rehearsed
            trainer.close()
        return None

    def _begin(self, options: TrainingOptions) -> tuple[LoraTrainer, Rehearsed]:
        rehearsed = self._rehearse(options)
        total_steps = len(self._order(options, len(rehearsed.pairs)))
        lora_options = _lora_options(options, self._defaults.warmup_share)
        return LoraTrainer(self.base, lora_options, total_steps), rehearsed

    def _order(self, options: TrainingOptions, pair_count: int) -> StepOrder:
        rehearsal = self._defaults.rehearsal
        batch_size = options.batch_size or 1
        sorts = pair_count == 0 and batch_size > 1
        return StepOrder(
            sample_count=len(self.samples),
            rehearsal_count=pair_count,
            epochs=options.epochs,
            batch_size=batch_size,
            rehearsal_per_step=rehearsal.per_step if pair_count else 0,
            rehearsal_only_steps=rehearsal.only_steps if pair_count else 0,
            seed=options.seed,
            lengths=tuple(len(s.prompt) + len(s.response) for s in self.samples) if sorts else None,
        )

    def _rehearse(self, options: TrainingOptions) -> Rehearsed:
        """Ask the base model what it must not forget, once for all attempts."""
        if options.rehearsal == RehearsalMode.OFF:
            return Rehearsed()
        known = self.files.find_rehearsed()
        if known is not None:
            return self.files.write_rehearsed(known.pairs)
        count = self._defaults.rehearsal.count
        self.journal.event("rehearsal_begun", f"the base model is asked {count} other questions")
        pairs = extra_pairs(
            [_pair(sample) for sample in islice(self.samples, PROMPTS_LOOKED_AT)],
            self._ask,
            self._defaults.rehearsal,
            seed=options.seed,
            is_embedded=self.job.base_model.name == EMBEDDED_NAME,
        )
        rehearsed = self.files.write_rehearsed(pairs)
        reworded = " and the samples' responses to reworded questions"
        self.journal.event(
            "rehearsal",
            f"{len(pairs)} pairs are trained beside the samples: the base model's own answers"
            + (reworded if self._defaults.rehearsal.rewordings else ""),
        )
        return rehearsed

    def _ask(self, prompts: Sequence[str]) -> list[str]:
        texts = [""] * len(prompts)
        decoding = Sampling(max_new_tokens=_REHEARSED_TOKENS)
        for answer in self.base.answer([Question(p) for p in prompts], decoding=decoding):
            self.journal.check()
            texts[answer.index] = answer.text or ""
        return texts

    def _save(self, trainer: LoraTrainer, pair_count: int) -> SavedAdapter:
        folder = self.files.adapter_folder
        calls: list[int] = []
        saved = trainer.save(
            folder,
            fingerprint=self.job.fingerprint,
            rehearsal_pairs=pair_count,
            # Committed as late as can be: who lost the adapter meanwhile ends here.
            announce=lambda: calls.append(self.journal.intend("save_adapter", str(folder))),
        )
        outcome = f"sha256 {saved.weights_sha256}"
        self.journal.settle(calls[0], "done", external_id=None, outcome=outcome)
        return saved

    def _settle_open_calls(self, finished: FinishedFolder | None) -> None:
        """Say what became of the folders that earlier attempts announced."""
        for call in self.journal.calls():
            if call.state != "intended":
                continue
            if finished is not None and Path(call.request).name == finished.folder.name:
                self.journal.settle(call.call_number, "done", outcome="found after a restart")
            else:
                self.journal.settle(call.call_number, "failed", outcome="it was not written")


def fill_in(job: TrainingJob, sample_count: int) -> TrainingOptions:
    """Give the options with every None replaced by what is really used."""
    asked, defaults = job.options, find_defaults(job, sample_count)
    is_embedded = job.base_model.name == EMBEDDED_NAME
    rank = asked.lora_rank or defaults.rank
    scale = defaults.alpha / defaults.rank
    rehearsed = rehearses(RehearsalMode(asked.rehearsal), is_embedded=is_embedded)
    return TrainingOptions(
        epochs=asked.epochs,
        learning_rate=asked.learning_rate or defaults.learning_rate,
        lora_rank=rank,
        lora_alpha=asked.lora_alpha or round(rank * scale),
        batch_size=asked.batch_size or defaults.batch_size,
        rehearsal=RehearsalMode.ON.value if rehearsed else RehearsalMode.OFF.value,
        seed=asked.seed,
    )


def find_defaults(job: TrainingJob, sample_count: int) -> TuningDefaults:
    """Give what holds where the adapter's row leaves the choice open."""
    if job.base_model.name == EMBEDDED_NAME:
        return tuning_for(sample_count, job.options.epochs)
    return OTHER_TUNING


def _lora_options(options: TrainingOptions, warmup_share: float) -> LoraOptions:
    return LoraOptions(
        rank=options.lora_rank or 1,
        alpha=float(options.lora_alpha or 1),
        learning_rate=options.learning_rate or 0.0,
        warmup_share=warmup_share,
        seed=options.seed,
    )


def _trained(options: TrainingOptions, finished: FinishedFolder) -> TrainedAdapter:
    return TrainedAdapter(
        external_id=None,
        artifact_uri=str(finished.folder.resolve()),
        artifact_bytes=finished.weights_bytes,
        artifact_sha256=finished.weights_sha256,
        options=options,
        rehearsal_pairs=finished.rehearsal_pairs,
    )


def _pair(sample: Sample) -> Pair:
    return Pair(sample.prompt, sample.response, sample.system_prompt, sample.weight)


def _metrics(step: LoraStep, steps_total: int, epochs: int) -> StepMetrics:
    return StepMetrics(
        step=step.step,
        epoch=round(step.step * epochs / steps_total, 4),
        train_loss=step.loss,
        learning_rate=step.learning_rate,
        gradient_norm=step.gradient_norm,
        tokens=step.tokens,
        trained_tokens=step.trained_tokens,
        sample_loss=step.sample_loss_sum / step.sample_tokens if step.sample_tokens else None,
    )
