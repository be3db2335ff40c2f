"""What the tests of all backends share: the case of a backend, trainings and answers of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqltune.backends.base import (
    AnswerRequest,
    Backend,
    Decoding,
    TrainedAdapter,
    TrainingJob,
    TrainingOptions,
)
from sqltune.records import Sample
from tests.backends.journals import KeptJournal

DECODING = Decoding(max_new_tokens=16, temperature=0.0, seed=0)


@dataclass(frozen=True)
class BackendCase:
    """One backend to test against the contract."""

    open: Callable[[], Backend]  #: opens the same backend as if in a new process
    base_model: str
    unknown_base_model: str
    options: TrainingOptions
    samples: Sequence[Sample]
    is_simulated: bool
    secrets: tuple[str, ...] = ()  #: texts of the environment that must never be returned
    #: the content of an adapter; equal trainings have equal contents
    content_of: Callable[[TrainedAdapter], object] = lambda adapter: adapter.artifact_sha256


class ListedSamples:
    """The samples of a list."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self._samples = list(samples)

    def __len__(self) -> int:
        return len(self._samples)

    def __iter__(self) -> Iterator[Sample]:
        return iter(self._samples)

    def fetch(self, positions: Sequence[int]) -> list[Sample]:
        return [self._samples[position] for position in positions]


def job_of(
    backend: Backend, case: BackendCase, run_key: str = "contract-1", attempt: int = 1
) -> TrainingJob:
    """Return the training job that all tests use."""
    base_model = backend.describe(case.base_model, None)
    return TrainingJob(run_key, "contract", base_model, case.options, "1-fingerprint", attempt)


def train(
    backend: Backend,
    case: BackendCase,
    journal: KeptJournal | None = None,
    run_key: str = "contract-1",
    attempt: int = 1,
    *,
    validation: Sequence[Sample] = (),
    **options: Any,
) -> TrainedAdapter:
    samples = ListedSamples(case.samples)
    job = job_of(backend, case, run_key, attempt)
    measured = ListedSamples(validation) if validation else None
    job = replace(job, validation=measured, options=replace(job.options, **options))
    return backend.train(job, samples, journal or KeptJournal())


def marks_of(adapter: TrainedAdapter) -> object:
    """Return what changes when an adapter's files are written again, even with equal content."""
    path = Path(adapter.artifact_uri or "/nowhere")
    files = sorted(path.iterdir()) if path.is_dir() else [path] if path.exists() else []
    return [(str(f), f.stat().st_ino, f.stat().st_mtime_ns) for f in files]


def assert_complete(journal: KeptJournal, at: str = "") -> None:
    """Check that every step was recorded and every call was settled."""
    assert journal.steps_total, at
    assert sorted(journal.steps) == list(range(1, journal.steps_total + 1)), at
    assert {call.state for call in journal.kept_calls} in ({"done"}, {"done", "failed"}), at


def requests_of(case: BackendCase) -> list[AnswerRequest]:
    asked = [AnswerRequest(f"k{i:02}", s.prompt, None) for i, s in enumerate(case.samples)]
    return [*asked, AnswerRequest("other", "What is the colour of the sky?", "Be short.")]


def ask(
    backend: Backend,
    case: BackendCase,
    adapter: TrainedAdapter | None,
    requests: Sequence[AnswerRequest] | None = None,
) -> dict[str, str | None]:
    base_model = backend.describe(case.base_model, None)
    asked = requests_of(case) if requests is None else requests
    answers = list(backend.answer(base_model, adapter, asked, DECODING))
    assert len(answers) == len(asked), "exactly one answer per request"
    return {answer.prompt_key: answer.text for answer in answers}
