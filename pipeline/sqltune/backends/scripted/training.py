"""How the `scripted` backend trains: an adapter is a file that grows by one line per step.

The file plays the part of a service's memory. Its name contains the run's key and the attempt, so
that a training that broke off resumes after the last whole line of an earlier attempt, and a
finished one is found again. Its content contains neither key nor time: equal trainings write equal
files.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from sqltune.backends.attempts import attempt_name, find_attempts
from sqltune.backends.base import (
    BackendCall,
    Journal,
    Samples,
    StepMetrics,
    TrainedAdapter,
    TrainingJob,
    TrainingOptions,
)
from sqltune.backends.scripted.adapter_files import (
    FINISHED,
    PART,
    adapter_path,
    describe_adapter,
    read_whole_lines,
)
from sqltune.backends.scripted.epochs import ScriptedEpochs, loss_at
from sqltune.backends.scripted.keeping import KeptFiles
from sqltune.backends.scripted.script import Script
from sqltune.errors import (
    BackendTimeout,
    DatabaseError,
    DataError,
    LeaseLost,
    PipelineError,
    RunCancelled,
    RunInterrupted,
)
from sqltune.records import Sample

CALL_KIND = "train"
#: Steps are recorded this often, at most so many at a time; slow steps are recorded one by one.
RECORD_SECONDS = 0.1
SLOW_SECONDS = 0.01
RECORD_STEPS = 500
CHARACTERS_PER_TOKEN = 4
DEFAULT_LEARNING_RATE = 1e-4
DEFAULT_RANK = 8


class ScriptedTraining:
    """One training of a job, from the last step in its file to the end.

    Args:
        pause: waits for some seconds, and calls the journal's check meanwhile.
        strike: raises the script's faults at a place and number.
    """

    def __init__(
        self,
        script: Script,
        folder: Path,
        job: TrainingJob,
        samples: Samples,
        journal: Journal,
        pause: Callable[[float], None],
        strike: Callable[[str, int], None],
    ) -> None:
        if not len(samples):
            raise DataError("there are no samples to train on")
        self._script = script
        self._folder = folder
        self._name = attempt_name(job.run_key, job.attempt)
        self._path = adapter_path(folder, self._name)
        self._part = folder / f"{self._name}{PART}"
        self._job = job
        self._samples = samples
        self._journal = journal
        self._pause = pause
        self._strike = strike
        self._options = fill_options(job.options, len(samples), script.steps_per_epoch)
        self._batch_size = self._options.batch_size or 1
        self._steps_per_epoch = math.ceil(len(samples) / self._batch_size)
        self._epochs = ScriptedEpochs(script, job)
        self._kept = KeptFiles(folder, job, journal)
        self._steps_planned = self._steps_per_epoch * job.options.epochs
        self._steps_total = self._steps_per_epoch * self._epochs.done

    def run(self, training_number: int) -> TrainedAdapter:
        """Train to the end, or adopt what an earlier call finished."""
        open_calls = [c for c in self._journal.calls() if c.state in ("intended", "unknown")]
        self._journal.plan(self._steps_planned)
        finished = next(self._find_left(FINISHED), None)
        if finished is not None:
            return self._adopt(finished, open_calls)
        done = self._resume()
        for call in self._kept.settle(open_calls):
            self._journal.settle(call.call_number, "failed", outcome=f"broke off after step {done}")
        call_number = self._journal.intend(
            CALL_KIND, f"{len(self._samples)} samples, from step {done + 1}"
        )
        self._train(call_number, done, training_number)
        return self._finish(call_number, training_number)

    def _find_left(self, suffix: str) -> Iterator[Path]:
        """Return the files that this attempt and earlier ones left, the latest first."""
        found = find_attempts(
            self._folder, self._job.run_key, up_to=self._job.attempt, suffix=suffix
        )
        return (left.path for left in found)

    def _resume(self) -> int:
        """Continue with the lines of the attempt that got furthest, and return their number."""
        best = max((read_whole_lines(part) for part in self._find_left(PART)), key=len, default=b"")
        self._part.write_bytes(best)
        return best.count(b"\n")

    def _remove_parts(self) -> None:
        for part in (*self._find_left(PART), *self._kept.find_drafts()):
            part.unlink(missing_ok=True)

    def _adopt(self, finished: Path, open_calls: list[BackendCall]) -> TrainedAdapter:
        self._record_again(self._steps_total)
        self._note_stop()
        for call in self._kept.settle(open_calls):
            self._journal.settle(
                call.call_number, "done", external_id=finished.stem, outcome="found by its key"
            )
        self._remove_parts()
        self._journal.event("adapter_adopted", "the adapter was finished by an earlier call")
        return self._describe(finished)

    def _train(self, call_number: int, done: int, training_number: int) -> None:
        try:
            self._strike("train", training_number)
            self._take_steps(done)
        except RunCancelled:
            self._journal.settle(call_number, "failed", outcome="cancelled")
            self._remove_parts()
            raise
        except (RunInterrupted, LeaseLost, DatabaseError):
            raise  # a later call resumes from here
        except PipelineError as exc:
            self._journal.settle(call_number, "failed", outcome=str(exc))
            raise

    def _take_steps(self, done: int) -> None:
        self._record_again(done)
        for epoch in range(1, done // self._steps_per_epoch + 1):
            self._kept.keep(epoch, self._lines)
        pending: list[StepMetrics] = []
        recorded_at = time.monotonic()
        with self._part.open("ab") as file:
            for step in range(done + 1, self._steps_total + 1):
                self._strike("step", step)
                self._pause(self._script.step_delay_seconds)
                samples = self._samples.fetch(self._positions(step))
                file.write(self._line(step, samples))
                file.flush()
                pending.append(self._metrics(step, samples))
                if step % self._steps_per_epoch == 0:
                    epoch = step // self._steps_per_epoch
                    self._kept.keep(epoch, self._lines)
                # The last steps are recorded after the file is closed, right before it is renamed.
                is_time = self._is_time_to_record(time.monotonic() - recorded_at, len(pending))
                if is_time and step < self._steps_total:
                    self._journal.record(pending)
                    self._journal.check()
                    pending, recorded_at = [], time.monotonic()
        self._note_stop()
        if pending:
            self._journal.record(pending)
            self._journal.check()

    def _lines(self, epoch: int) -> bytes:
        """Return the lines of all steps up to the end of an epoch."""
        lines = read_whole_lines(self._part).splitlines(keepends=True)
        return b"".join(lines[: epoch * self._steps_per_epoch])

    def _note_stop(self) -> None:
        if self._steps_total < self._steps_planned:
            self._journal.plan(self._steps_total)
            done, best = self._epochs.done, self._epochs.best
            message = f"stopped after epoch {done}: eval_loss was lowest after epoch {best}"
            self._journal.event("stopped_early", message)

    def _is_time_to_record(self, seconds: float, steps: int) -> bool:
        is_slow = self._script.step_delay_seconds >= SLOW_SECONDS
        return is_slow or seconds >= RECORD_SECONDS or steps == RECORD_STEPS

    def _finish(self, call_number: int, training_number: int) -> TrainedAdapter:
        # Steps or an intent were committed directly before, where an overtaken attempt fails.
        if self._epochs.best is not None:
            self._part.write_bytes(self._lines(self._epochs.best))
        os.replace(self._part, self._path)
        self._remove_parts()
        for fault in self._script.faults:
            if fault.kind == "lost_reply" and fault.matches("train", training_number):
                self._journal.settle(call_number, "unknown", outcome="the reply was lost")
                raise BackendTimeout("the reply to the training was lost")
        self._journal.settle(call_number, "done", external_id=self._name)
        return self._describe(self._path)

    def _describe(self, path: Path) -> TrainedAdapter:
        best = self._epochs.best
        return replace(
            describe_adapter(path, self._options),
            best_epoch=best,
            eval_loss=self._epochs.eval_loss(best),
            kept_epochs=self._kept.describe(self._epochs, self._options),
        )

    def _record_again(self, done: int) -> None:
        """Record the steps in the file again: a crash may have come before they were recorded."""
        for first in range(1, done + 1, RECORD_STEPS):
            steps = range(first, min(first + RECORD_STEPS, done + 1))
            self._journal.record(
                [self._metrics(s, self._samples.fetch(self._positions(s))) for s in steps]
            )

    def _positions(self, step: int) -> list[int]:
        begin = (step - 1) % self._steps_per_epoch * self._batch_size
        return list(range(begin, min(begin + self._batch_size, len(self._samples))))

    def _line(self, step: int, samples: list[Sample]) -> bytes:
        line = {"step": step, "positions": self._positions(step)}
        if step <= self._steps_per_epoch:  # later epochs repeat the texts
            line["samples"] = [[s.prompt, s.response] for s in samples]
        return json.dumps(line, ensure_ascii=False).encode() + b"\n"

    def _metrics(self, step: int, samples: list[Sample]) -> StepMetrics:
        progress = (step - 1) / max(1, self._steps_planned - 1)
        epoch, left = divmod(step, self._steps_per_epoch)
        tokens = sum(estimate_sample(s) for s in samples)
        trained_tokens = sum(estimate_tokens(s.response) for s in samples)
        loss = loss_at(progress)
        return StepMetrics(
            step=step,
            epoch=step / self._steps_per_epoch,
            train_loss=loss,
            learning_rate=self._options.learning_rate,
            gradient_norm=None,
            tokens=tokens,
            trained_tokens=trained_tokens,
            sample_loss=loss,
            eval_loss=None if left else self._epochs.eval_loss(epoch),
        )


def fill_options(
    options: TrainingOptions, sample_count: int, steps_per_epoch: int
) -> TrainingOptions:
    """Return the options that are really used."""
    return replace(
        options,
        learning_rate=options.learning_rate or DEFAULT_LEARNING_RATE,
        lora_rank=options.lora_rank or DEFAULT_RANK,
        lora_alpha=options.lora_alpha or 2 * (options.lora_rank or DEFAULT_RANK),
        batch_size=options.batch_size or math.ceil(sample_count / steps_per_epoch),
        rehearsal="off",
    )


def estimate_sample(sample: Sample) -> int:
    """Estimate the number of tokens of a sample."""
    texts = (sample.system_prompt or "", sample.prompt, sample.response)
    return sum(estimate_tokens(text) for text in texts)


def estimate_tokens(text: str) -> int:
    """Estimate the number of tokens of a text."""
    return math.ceil(len(text) / CHARACTERS_PER_TOKEN)
