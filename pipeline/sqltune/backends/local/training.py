"""One training of the local backend: its steps, its checkpoints, and the finished folder.

A training that died resumes from its checkpoint and ends with the same weights; one that had
finished only returns its folder. What is written carries the attempt's number (files.py).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from sqltune.backends.base import (
    EpochWeights,
    Journal,
    Samples,
    StepMetrics,
    TrainedAdapter,
    TrainingJob,
    TrainingOptions,
)
from sqltune.backends.local.epochs import EpochEnds, kept_weights
from sqltune.backends.local.files import FinishedFolder, RehearsalPairs, TrainingFiles
from sqltune.backends.local.options import fill_in, make_order
from sqltune.backends.local.rehearsing import collect_pairs
from sqltune.backends.local.saving import save_announced
from sqltune.errors import FilesNotWritten, RunInterrupted, TrainingError
from sqltune.local_lora.loaded_model import LoadedModel
from sqltune.local_lora.lora_options import LoraOptions, LoraStep
from sqltune.local_lora.measured_rates import Stopwatch
from sqltune.local_lora.prompt_format import resolve_format
from sqltune.local_lora.rehearsal.options import RehearsalMode
from sqltune.local_lora.steps import Pair, StepOrder
from sqltune.local_lora.training import LoraTrainer
from sqltune.local_lora.tuning_profiles import Tuning
from sqltune.records import Sample

#: A killed training repeats at most about this many seconds of work.
CHECKPOINT_SECONDS = 30.0
#: Steps that are recorded together at most; they wait at most half a second for each other.
_STEPS_AT_ONCE = 100
_SECONDS_AT_ONCE = 0.5


@dataclass(frozen=True)
class LocalTraining:
    """One training as asked for, and where its files go."""

    base: LoadedModel
    job: TrainingJob
    samples: Samples
    journal: Journal
    files: TrainingFiles
    #: Called between two steps, and between what precedes and follows them: others may use the
    #: base model meanwhile.
    give_way: Callable[[], None] = lambda: None
    stopwatch: Stopwatch = field(default_factory=Stopwatch)
    monotonic: Callable[[], float] = time.monotonic

    def run(self) -> TrainedAdapter:
        """Train to the end, or return what an earlier call finished."""
        finished = self.files.find_finished()
        self._settle_open_calls(finished)
        if finished is None:
            finished = self._make()
        self.files.forget_checkpoints()
        kept = kept_weights(self.files) if self.job.options.keep_epochs else ()
        return _trained(self._options, self._tuning, finished, kept)

    @cached_property
    def _options(self) -> TrainingOptions:
        asked = self.job.options
        form = resolve_format(asked.prompt_format, self.base.tokenizer)
        return fill_in(asked, self.base.profile, len(self.samples), form)

    @cached_property
    def _tuning(self) -> Tuning:
        return self.base.profile.tune_for(len(self.samples), self.job.options.epochs)

    def _make(self) -> FinishedFolder:
        trainer, pairs = self._resume() or self._begin()
        try:
            order = self._order(len(pairs.pairs))
            self.journal.plan(len(order))
            ends = EpochEnds(
                self.job, self.journal, self.files, order, len(pairs.pairs), self.give_way
            )
            self._train(trainer, ends, pairs)
            return self._save(trainer, len(pairs.pairs))
        finally:
            trainer.close()

    def _resume(self) -> tuple[LoraTrainer, RehearsalPairs] | None:
        """Resume from the checkpoint with the most steps, of whichever attempt."""
        for folder in self.files.list_checkpoints():
            try:
                pairs = self.files.read_pairs(folder)
                trainer = LoraTrainer.resume(self.base, folder)
            except TrainingError as error:
                self.journal.event("checkpoint_unreadable", f"it is not used: {error}")
                continue
            if trainer.total_steps == len(self._order(len(pairs.pairs))):
                if pairs.pairs:
                    pairs = self.files.write_pairs(pairs.pairs)
                self.journal.event("checkpoint_read", f"resumed after step {trainer.steps_done}")
                return trainer, pairs
            trainer.close()
        return None

    def _begin(self) -> tuple[LoraTrainer, RehearsalPairs]:
        pairs = RehearsalPairs()
        if self._options.rehearsal == RehearsalMode.ON:
            pairs = collect_pairs(
                self.base,
                self.samples,
                self.journal,
                self.files,
                self._tuning.rehearsal,
                self._options,
                self.give_way,
            )
            self.stopwatch.add_answers(len(pairs.pairs), pairs.answer_seconds)
        total_steps = len(self._order(len(pairs.pairs)))
        lora_options = _lora_options(self._options, self._tuning)
        return LoraTrainer(self.base, lora_options, total_steps), pairs

    def _order(self, pair_count: int) -> StepOrder:
        sorts = pair_count == 0 and (self._options.batch_size or 1) > 1
        lengths = tuple(_length(sample) for sample in self.samples) if sorts else None
        return make_order(self._options, self._tuning, len(self.samples), pair_count, lengths)

    def _train(self, trainer: LoraTrainer, ends: EpochEnds, pairs: RehearsalPairs) -> None:
        unrecorded: list[StepMetrics] = []
        # The first step is recorded at once, as a sign of life.
        recorded_at, saved_at = -math.inf, self.monotonic()
        try:
            for number in range(trainer.steps_done, len(ends.order)):
                if ends.is_over(trainer):
                    break
                self.give_way()
                self.journal.check()
                unrecorded.append(self._step(trainer, ends, number, pairs.pairs))
                now = self.monotonic()
                if len(unrecorded) >= _STEPS_AT_ONCE or now - recorded_at >= _SECONDS_AT_ONCE:
                    self._record(unrecorded)
                    recorded_at = now
                if now - saved_at >= CHECKPOINT_SECONDS:
                    self._checkpoint(trainer, unrecorded, pairs)
                    saved_at = now
        except RunInterrupted:
            self._checkpoint(trainer, unrecorded, pairs)
            raise
        self._record(unrecorded)
        if trainer.steps_done < len(ends.order):
            self.journal.plan(trainer.steps_done)
            self.journal.event("stopped_early", ends.describe_stop(trainer))

    def _step(
        self, trainer: LoraTrainer, ends: EpochEnds, number: int, pairs: Sequence[Pair]
    ) -> StepMetrics:
        """Take a step; at the end of an epoch, also what follows it, or neither."""
        undo = trainer.snapshot() if ends.is_end(number) else None
        metrics = self._take_step(trainer, ends.order, number, pairs)
        if undo is None:
            return metrics
        try:
            return replace(metrics, eval_loss=ends.finish(trainer))
        except RunInterrupted:
            undo()
            raise

    def _take_step(
        self, trainer: LoraTrainer, order: StepOrder, number: int, pairs: Sequence[Pair]
    ) -> StepMetrics:
        step = order.step(number)
        train_on = self.job.options.train_on
        samples = self.samples.fetch(step.samples)
        batch = [Pair.from_sample(sample, train_on) for sample in samples]
        batch += [pairs[index] for index in step.rehearsal]
        made = trainer.step(batch, check=self.journal.check)
        self.stopwatch.add_step(made.tokens, made.seconds)
        for note in trainer.gradients.take_notes():
            self.journal.event("memory_measured", note)
        return _metrics(made, len(order), order.epochs)

    def _record(self, steps: list[StepMetrics]) -> None:
        self.journal.record(steps)
        steps.clear()

    def _checkpoint(
        self, trainer: LoraTrainer, unrecorded: list[StepMetrics], pairs: RehearsalPairs
    ) -> None:
        """Record the steps, then write a checkpoint: a resumed training does not repeat them.

        Where it cannot be written, for instance because the disk is full, the training continues
        without one, and a training that is asked to stop still stops.
        """
        self._record(unrecorded)
        try:
            trainer.checkpoint(self.files.checkpoint_folder, rehearsal=pairs.sha256)
        except FilesNotWritten as error:
            self.journal.event("checkpoint_not_written", str(error))

    def _save(self, trainer: LoraTrainer, pair_count: int) -> FinishedFolder:
        """Write the weights of the best epoch, or the last ones where none was measured."""
        trainer.restore_best()
        best = trainer.best
        saved = save_announced(
            trainer,
            self.files.adapter_folder,
            self.job,
            self.journal,
            call_kind="save_adapter",
            rehearsal_pairs=pair_count,
            measured={"epoch": best.epoch, "eval_loss": best.eval_loss} if best else None,
        )
        return FinishedFolder(
            saved.folder,
            saved.weights_bytes,
            saved.weights_sha256,
            pair_count,
            best.epoch if best else None,
            best.eval_loss if best else None,
        )

    def _settle_open_calls(self, finished: FinishedFolder | None) -> None:
        """Settle the calls with which earlier attempts announced a folder."""
        kept = self.files.find_epochs().values()
        written = {found.folder.name for found in (finished, *kept) if found is not None}
        for call in self.journal.calls():
            if call.state != "intended":
                continue
            name = Path(call.request).name
            if name in written:
                self.journal.settle(call.call_number, "done", outcome="found after a restart")
            else:
                self.journal.settle(call.call_number, "failed", outcome="it was not written")


def _length(sample: Sample) -> int:
    """Return the characters of a sample, by which batches of similar length are made."""
    if sample.messages is None:
        return len(sample.prompt) + len(sample.response)
    return sum(len(message.content or message.extra or "") for message in sample.messages)


def _trained(
    options: TrainingOptions,
    tuning: Tuning,
    finished: FinishedFolder,
    kept: tuple[EpochWeights, ...],
) -> TrainedAdapter:
    return TrainedAdapter(
        external_id=None,
        artifact_uri=str(finished.folder.resolve()),
        artifact_bytes=finished.weights_bytes,
        artifact_sha256=finished.weights_sha256,
        options=options,
        rehearsal_pairs=finished.rehearsal_pairs,
        best_epoch=finished.epoch,
        eval_loss=finished.eval_loss,
        kept_epochs=kept,
        warmup_share=tuning.warmup_share,
    )


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


def _lora_options(options: TrainingOptions, tuning: Tuning) -> LoraOptions:
    """Return what the trainer needs of options that are filled in."""
    return LoraOptions(
        rank=options.lora_rank or 1,
        alpha=options.lora_alpha or 1,
        learning_rate=options.learning_rate or 0.0,
        warmup_share=tuning.warmup_share,
        seed=options.seed,
        prompt_format=options.prompt_format,
    )
