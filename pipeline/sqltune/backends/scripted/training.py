"""How the `scripted` backend trains: an adapter is a file that grows by one line a step.

The file stands in for a service that remembers: it is named after the run's key and the attempt, so
a training that broke off goes on after the last whole line of an earlier attempt, and a finished
one is found again. It holds no key and no time: equal trainings, equal files.
"""

from __future__ import annotations

import hashlib
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
#: How the file of an adapter ends, and how while it is trained.
FINISHED, PART = ".jsonl", ".part"
#: Steps are told this often, and at the latest with this many; slow steps are told one by one.
RECORD_SECONDS = 0.1
SLOW_SECONDS = 0.01
RECORD_STEPS = 500
CHARACTERS_PER_TOKEN = 4
DEFAULT_LEARNING_RATE = 1e-4
DEFAULT_RANK = 8
FIRST_LOSS, LAST_LOSS = 3.0, 0.05


class ScriptedTraining:
    """One training of a job, from where its file stands to the end.

    Args:
        pause: waits for seconds; calls the journal's check meanwhile.
        strike: lets the script's faults at a place and number happen.
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
            raise DataError("there is no sample to train on")
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
        self._steps_total = self._steps_per_epoch * job.options.epochs

    def run(self, training_number: int) -> TrainedAdapter:
        """Train to the end, or adopt what an earlier call finished."""
        open_calls = [c for c in self._journal.calls() if c.state in ("intended", "unknown")]
        self._journal.plan(self._steps_total)
        finished = next(self._left(FINISHED), None)
        if finished is not None:
            return self._adopt(finished, open_calls)
        done = self._take_up()
        for call in open_calls:
            self._journal.settle(call.call_number, "failed", outcome=f"broke off after step {done}")
        call_number = self._journal.intend(
            CALL_KIND, f"{len(self._samples)} samples, from step {done + 1}"
        )
        self._train(call_number, done, training_number)
        return self._finish(call_number, training_number)

    def _left(self, suffix: str) -> Iterator[Path]:
        """Give what this attempt and earlier ones left, the latest first."""
        found = find_attempts(
            self._folder, self._job.run_key, up_to=self._job.attempt, suffix=suffix
        )
        return (left.path for left in found)

    def _take_up(self) -> int:
        """Go on with the whole lines of the attempt that came furthest; gives their number."""
        best = max((read_whole_lines(part) for part in self._left(PART)), key=len, default=b"")
        self._part.write_bytes(best)
        return best.count(b"\n")

    def _forget_parts(self) -> None:
        for part in self._left(PART):
            part.unlink(missing_ok=True)

    def _adopt(self, finished: Path, open_calls: list[BackendCall]) -> TrainedAdapter:
        self._record_again(self._steps_total)
        for call in open_calls:
            self._journal.settle(
                call.call_number, "done", external_id=finished.stem, outcome="found by its key"
            )
        self._forget_parts()
        self._journal.event("adapter_adopted", "the adapter was finished by an earlier call")
        return describe_adapter(finished, self._options)

    def _train(self, call_number: int, done: int, training_number: int) -> None:
        try:
            self._strike("train", training_number)
            self._take_steps(done)
        except RunCancelled:
            self._journal.settle(call_number, "failed", outcome="cancelled")
            self._forget_parts()
            raise
        except (RunInterrupted, LeaseLost, DatabaseError):
            raise  # a later call goes on from here
        except PipelineError as exc:
            self._journal.settle(call_number, "failed", outcome=str(exc))
            raise

    def _take_steps(self, done: int) -> None:
        self._record_again(done)
        pending: list[StepMetrics] = []
        told_at = time.monotonic()
        with self._part.open("ab") as file:
            for step in range(done + 1, self._steps_total + 1):
                self._strike("step", step)
                self._pause(self._script.step_delay_seconds)
                samples = self._samples.fetch(self._positions(step))
                file.write(self._line(step, samples))
                file.flush()
                pending.append(self._metrics(step, samples))
                # The last ones are told when the file is closed, right before it gets its name.
                is_time = self._is_time_to_tell(time.monotonic() - told_at, len(pending))
                if is_time and step < self._steps_total:
                    self._journal.record(pending)
                    self._journal.check()
                    pending, told_at = [], time.monotonic()
        if pending:
            self._journal.record(pending)
            self._journal.check()

    def _is_time_to_tell(self, seconds: float, steps: int) -> bool:
        is_slow = self._script.step_delay_seconds >= SLOW_SECONDS
        return is_slow or seconds >= RECORD_SECONDS or steps == RECORD_STEPS

    def _finish(self, call_number: int, training_number: int) -> TrainedAdapter:
        # Directly before, steps or an intent were committed: who was overtaken has ended there.
        os.replace(self._part, self._path)
        self._forget_parts()
        for fault in self._script.faults:
            if fault.kind == "lost_reply" and fault.matches("train", training_number):
                self._journal.settle(call_number, "unknown", outcome="the reply was lost")
                raise BackendTimeout("the reply to the training was lost")
        self._journal.settle(call_number, "done", external_id=self._name)
        return describe_adapter(self._path, self._options)

    def _record_again(self, done: int) -> None:
        """Tell the steps that the file has: some may not have been told before the crash."""
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
        progress = (step - 1) / max(1, self._steps_total - 1)
        tokens = sum(estimate_sample(s) for s in samples)
        trained_tokens = sum(estimate_tokens(s.response) for s in samples)
        loss = LAST_LOSS + (FIRST_LOSS - LAST_LOSS) * math.exp(-4 * progress)
        return StepMetrics(
            step=step,
            epoch=step / self._steps_per_epoch,
            train_loss=loss,
            learning_rate=self._options.learning_rate,
            gradient_norm=None,
            tokens=tokens,
            trained_tokens=trained_tokens,
            sample_loss=loss,
        )


def adapter_path(folder: Path, name: str) -> Path:
    """Give the file of a finished adapter."""
    return folder / f"{name}{FINISHED}"


def fill_options(
    options: TrainingOptions, sample_count: int, steps_per_epoch: int
) -> TrainingOptions:
    """Give the options as they are really used."""
    return replace(
        options,
        learning_rate=options.learning_rate or DEFAULT_LEARNING_RATE,
        lora_rank=options.lora_rank or DEFAULT_RANK,
        lora_alpha=options.lora_alpha or 2 * (options.lora_rank or DEFAULT_RANK),
        batch_size=options.batch_size or math.ceil(sample_count / steps_per_epoch),
        rehearsal="off",
    )


def read_whole_lines(part: Path) -> bytes:
    """Give the whole steps in a file, without the half line that a crash left."""
    try:
        content = part.read_bytes()
    except FileNotFoundError:  # who wrote it has just finished or given up
        return b""
    return content[: content.rfind(b"\n") + 1]


def describe_adapter(path: Path, options: TrainingOptions) -> TrainedAdapter:
    """Give the adapter that lies in a finished file."""
    content = path.read_bytes()
    return TrainedAdapter(
        external_id=path.stem,
        artifact_uri=str(path),
        artifact_bytes=len(content),
        artifact_sha256=hashlib.sha256(content).hexdigest(),
        options=options,
    )


def read_learned(path: Path) -> Iterator[tuple[str, str]]:
    """Give the prompts that an adapter was trained on, with their responses."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield from ((prompt, text) for prompt, text in json.loads(line).get("samples", ()))


def estimate_sample(sample: Sample) -> int:
    """Guess how many tokens a sample has."""
    texts = (sample.system_prompt or "", sample.prompt, sample.response)
    return sum(estimate_tokens(text) for text in texts)


def estimate_tokens(text: str) -> int:
    """Guess how many tokens a text has."""
    return math.ceil(len(text) / CHARACTERS_PER_TOKEN)
