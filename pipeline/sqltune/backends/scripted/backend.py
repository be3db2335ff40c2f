"""The `scripted` backend: plays a script and memorises its samples; for tests and trials.

It behaves like a service behind a network: answers and steps take time in real threads, calls fail
where the script says so, and adapters are stored under the artifacts folder. It is deterministic
and always reports that it is simulated.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, as_completed
from itertools import count
from pathlib import Path

from sqltune.backends.artifact_files import list_folder, remove_files
from sqltune.backends.base import (
    Answer,
    AnswerRequest,
    BaseModel,
    Decoding,
    Journal,
    Samples,
    TokenCount,
    TrainedAdapter,
    TrainingJob,
)
from sqltune.backends.inventory import ArtifactKind, StoredArtifact
from sqltune.backends.scripted.adapter_files import FINISHED, PART, adapter_path, read_learned
from sqltune.backends.scripted.script import Fault, read_script
from sqltune.backends.scripted.training import (
    CHARACTERS_PER_TOKEN,
    ScriptedTraining,
    estimate_sample,
    estimate_tokens,
)
from sqltune.errors import BackendUnavailable, RequestRejected
from sqltune.records import Sample

#: How often a wait checks whether it is over, and whether the run must stop.
TICK_SECONDS = 0.02
CHECK_SECONDS = 0.5
CLOSED = "the scripted backend was closed"


class ScriptedBackend:
    """Plays a script.

    Args:
        script: the file to play; None: the built-in script.
        artifacts: the folder under which its adapters are stored.
    """

    def __init__(self, script: Path | None, artifacts: Path) -> None:
        self._script = read_script(script)
        self._folder = artifacts / "scripted"
        self._pool = ThreadPoolExecutor(self._script.slots, thread_name_prefix="scripted")
        self._is_closed = threading.Event()
        self._answer_numbers = count(1)
        self._learned: dict[str, dict[str, str]] = {}

    def describe(self, base_model: str, revision: str | None) -> BaseModel:
        """Return one of the script's base models."""
        known = self._script.base_models
        if known is not None and base_model not in known:
            raise RequestRejected(f"no base model {base_model!r}; the script has {known}")
        revision = revision or self._script.revision
        return BaseModel(base_model, revision, self._script.max_tokens, is_simulated=True)

    def count_tokens(
        self, base_model: BaseModel, samples: Iterable[Sample], prompt_format: str
    ) -> Iterator[TokenCount]:
        """Estimate the number of tokens from the number of characters."""
        return (TokenCount(estimate_sample(sample), is_exact=False) for sample in samples)

    def train(self, job: TrainingJob, samples: Samples, journal: Journal) -> TrainedAdapter:
        """Write the samples into the adapter's file, step by step."""
        self._folder.mkdir(parents=True, exist_ok=True)

        def pause(seconds: float) -> None:
            self._wait(lambda: False, seconds, journal.check)

        def strike(at: str, number: int) -> None:
            for fault in self._faults(at, number):
                self._strike(fault, journal.check)

        journal.check()
        training = ScriptedTraining(
            self._script, self._folder, job, samples, journal, pause, strike
        )
        return training.run(self._count_training())

    def answer(
        self,
        base_model: BaseModel,
        adapter: TrainedAdapter | None,
        requests: Sequence[AnswerRequest],
        decoding: Decoding,
    ) -> Generator[Answer, None, None]:
        """Answer with the script's number of threads, each prompt as soon as its delay is over."""
        learned = self._load(adapter) if adapter is not None else None
        futures: list[Future[Answer]] = []
        try:
            for request in requests:
                number = next(self._answer_numbers)
                futures.append(
                    self._pool.submit(self._answer_one, request, number, learned, decoding)
                )
            yield from _yield_until_failure(futures)
        except (CancelledError, RuntimeError) as exc:  # the pool is shut down
            raise BackendUnavailable(CLOSED) from exc
        finally:
            for future in futures:
                future.cancel()

    def delete(self, adapter: TrainedAdapter) -> None:
        """Remove the adapter's file."""
        if adapter.external_id is not None:
            adapter_path(self._folder, adapter.external_id).unlink(missing_ok=True)
            self._learned.pop(adapter.external_id, None)

    @property
    def place(self) -> str:
        """The folder in which adapters are stored."""
        return str(self._folder.resolve())

    def list_artifacts(self) -> Iterator[StoredArtifact]:
        """Yield the files of finished and unfinished adapters."""
        yield from list_folder(self._folder, ArtifactKind.WEIGHTS, FINISHED)
        yield from list_folder(self._folder, ArtifactKind.CHECKPOINT, PART)

    def find_missing(self, adapters: Sequence[TrainedAdapter]) -> list[TrainedAdapter]:
        """Return the adapters whose file should be in the folder and is not."""
        return [
            adapter
            for adapter in adapters
            if Path(adapter.artifact_uri or "").resolve().parent == self._folder.resolve()
            and not adapter_path(self._folder, adapter.external_id or "").exists()
        ]

    def remove(self, artifact: StoredArtifact) -> None:
        """Remove a file of the list."""
        remove_files(artifact, (self._folder,))
        self._learned.pop(artifact.name.removesuffix(FINISHED), None)

    def close(self) -> None:
        """End all waiting and all threads."""
        self._is_closed.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _answer_one(
        self,
        request: AnswerRequest,
        number: int,
        learned: dict[str, str] | None,
        decoding: Decoding,
    ) -> Answer:
        began = time.perf_counter()
        self._is_closed.wait(self._script.answer_delay_seconds)
        fault = next(iter(self._faults("answer", number, request.prompt)), None)
        if fault is not None and (fault.raises or fault.kind == "hang"):
            self._strike(fault, lambda: None)
        latency_ms = (time.perf_counter() - began) * 1000
        if fault is not None and fault.kind == "error":
            return Answer(
                request.prompt_key, None, None, None, None, latency_ms, fault.code, fault.text()
            )
        text = self._text(request.prompt, learned)
        cut = text[: decoding.max_new_tokens * CHARACTERS_PER_TOKEN]
        return Answer(
            prompt_key=request.prompt_key,
            text=cut,
            finish_reason="stop" if cut == text else "length",
            prompt_tokens=estimate_tokens((request.system_prompt or "") + request.prompt),
            output_tokens=estimate_tokens(cut),
            latency_ms=latency_ms,
        )

    def _text(self, prompt: str, learned: dict[str, str] | None) -> str:
        base = self._script.answers.get(prompt, self._script.default_answer)
        if learned is None:
            return base
        if prompt in self._script.trained_answers:
            return self._script.trained_answers[prompt]
        return learned.get(_fold(prompt), base)

    def _load(self, adapter: TrainedAdapter) -> dict[str, str]:
        name = adapter.external_id or ""
        if name not in self._learned:
            path = adapter_path(self._folder, name)
            if not name or not path.exists():
                raise RequestRejected(
                    f"there is no adapter {name!r} under {self._folder}", code="artifact_not_found"
                )
            self._learned[name] = {_fold(p): response for p, response in read_learned(path)}
        return self._learned[name]

    def _count_training(self) -> int:
        # One appended byte per training: processes that train at the same time count correctly.
        with (self._folder / "trainings.count").open("ab", buffering=0) as counter:
            counter.write(b".")
            return counter.tell()

    def _faults(self, at: str, number: int, prompt: str | None = None) -> list[Fault]:
        return [
            fault
            for fault in self._script.faults
            if fault.kind != "lost_reply" and fault.matches(at, number, prompt)
        ]

    def _strike(self, fault: Fault, check: Callable[[], None]) -> None:
        if fault.is_once and not self._mark(fault):
            return
        if fault.kind == "hang":
            self._wait(lambda: fault.until is not None and fault.until.exists(), None, check)
        else:
            raise fault.error()

    def _mark(self, fault: Fault) -> bool:
        """Record in the folder that a fault struck; return False if it had struck before."""
        marker = self._folder / f"fault-{self._script.faults.index(fault)}"
        if marker.exists():
            return False
        marker.touch()
        return True

    def _wait(
        self, is_over: Callable[[], bool], seconds: float | None, check: Callable[[], None]
    ) -> None:
        """Wait for a condition or a time, and check meanwhile whether the run must stop.

        Raises:
            BackendUnavailable: the backend was closed meanwhile.
        """
        began = checked = time.monotonic()
        while not is_over():
            left = TICK_SECONDS if seconds is None else began + seconds - time.monotonic()
            if left <= 0:
                return
            if self._is_closed.wait(min(left, TICK_SECONDS)):
                raise BackendUnavailable(CLOSED)
            if time.monotonic() - checked >= CHECK_SECONDS:
                check()
                checked = time.monotonic()


def _fold(prompt: str) -> str:
    """Return a prompt without case, spaces and punctuation, so that spellings match."""
    return "".join(c for c in prompt.casefold() if c.isalnum())


def _yield_until_failure(futures: Sequence[Future[Answer]]) -> Iterator[Answer]:
    """Yield answers as they are completed; the first failure ends them.

    `as_completed` does not order what is completed together: all answers to earlier requests are
    yielded before a failure, and none to a later one, however late the caller looks.
    """
    failed: list[int] = []

    def watch(place: int) -> Callable[[Future[Answer]], None]:
        def note(future: Future[Answer]) -> None:
            if not future.cancelled() and future.exception() is not None:
                failed.append(place)

        return note

    places = {future: place for place, future in enumerate(futures)}
    for future, place in places.items():
        future.add_done_callback(watch(place))
    yielded: set[int] = set()
    for future in as_completed(futures):
        watch(places[future])(future)  # its own call may not have happened yet
        if failed and places[future] >= min(failed):
            first = min(failed)
            earlier = [place for place in range(first) if place not in yielded]
            yield from (futures[p].result() for p in earlier if futures[p].done())
            futures[first].result()
        yield future.result()
        yielded.add(places[future])
