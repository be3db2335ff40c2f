"""The contract of pipeline/backends/base.py as tests; every backend's test module derives from it.

A backend's module gives a `case`: how to open the backend, twice with the same memory, and what to
train it on. Nothing here knows how a backend works inside; what a training contains is compared
through its artifact, or as its case says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from sqltune.backends.base import (
    AnswerRequest,
    ArtifactKind,
    Backend,
    Decoding,
    Inventory,
    StoredArtifact,
    TrainedAdapter,
    TrainingJob,
    TrainingOptions,
)
from sqltune.errors import LeaseLost, PipelineError, RequestRejected, RunCancelled, RunInterrupted
from sqltune.records import Sample
from tests.backends.journals import Dies, KeptJournal, StalledJournal

DECODING = Decoding(max_new_tokens=16, temperature=0.0, seed=0)


@dataclass(frozen=True)
class BackendCase:
    """One backend to hold against the contract."""

    open: Callable[[], Backend]  #: each call is a new process's view of the same backend
    base_model: str
    unknown_base_model: str
    options: TrainingOptions
    samples: Sequence[Sample]
    is_simulated: bool
    secrets: tuple[str, ...] = ()  #: texts of the environment that must never come back
    #: what a training left in an adapter; equal trainings leave the same
    content_of: Callable[[TrainedAdapter], object] = lambda adapter: adapter.artifact_sha256


class ListedSamples:
    """Samples of a list."""

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
    """The training that all tests ask for."""
    base_model = backend.describe(case.base_model, None)
    return TrainingJob(run_key, "contract", base_model, case.options, "1-fingerprint", attempt)


def train(
    backend: Backend,
    case: BackendCase,
    journal: KeptJournal | None = None,
    run_key: str = "contract-1",
    attempt: int = 1,
) -> TrainedAdapter:
    samples = ListedSamples(case.samples)
    job = job_of(backend, case, run_key, attempt)
    return backend.train(job, samples, journal or KeptJournal())


def marks_of(adapter: TrainedAdapter) -> object:
    """What changes when somebody writes an adapter's files again, even with the same content."""
    path = Path(adapter.artifact_uri or "/nowhere")
    files = sorted(path.iterdir()) if path.is_dir() else [path] if path.exists() else []
    return [(str(f), f.stat().st_ino, f.stat().st_mtime_ns) for f in files]


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


def _run_key(number: int) -> str:
    """A key as runs have it."""
    return f"machine.local-{number:032x}"


def _inventory(backend: Backend) -> Inventory:
    assert isinstance(backend, Inventory)
    return backend


def _held(backend: Backend, run_key: str) -> list[StoredArtifact]:
    return [item for item in _inventory(backend).list_held() if item.run_key == run_key]


class BackendContract:
    """What every backend promises; a subclass gives the fixture `case`."""

    @pytest.fixture
    def backend(self, case: BackendCase) -> Iterator[Backend]:
        backend = case.open()
        yield backend
        backend.close()

    def test_a_base_model_resolves_to_the_same_revision_each_time(
        self, backend: Backend, case: BackendCase
    ) -> None:
        first = backend.describe(case.base_model, None)
        assert first.name == case.base_model
        assert first.is_simulated == case.is_simulated
        assert backend.describe(case.base_model, None) == first

    def test_an_unknown_base_model_is_refused_before_anything_is_sent(
        self, backend: Backend, case: BackendCase
    ) -> None:
        with pytest.raises(PipelineError) as caught:
            backend.describe(case.unknown_base_model, None)
        assert not caught.value.retryable
        assert case.unknown_base_model in str(caught.value)

    def test_each_sample_gets_one_token_count(self, backend: Backend, case: BackendCase) -> None:
        base_model = backend.describe(case.base_model, None)
        short = case.samples[0]
        long = replace(short, response=short.response + " one word more" * 5)
        counts = list(backend.count_tokens(base_model, [short, long, short]))
        assert len(counts) == 3
        assert 0 < counts[0].tokens == counts[2].tokens < counts[1].tokens

    def test_a_finished_training_gives_an_adapter_with_the_options_that_were_used(
        self, backend: Backend, case: BackendCase
    ) -> None:
        adapter = train(backend, case)
        assert adapter.external_id or adapter.artifact_uri
        assert adapter.options.epochs == case.options.epochs
        assert adapter.options.seed == case.options.seed
        for name in ("learning_rate", "lora_rank", "lora_alpha", "batch_size"):
            wanted = getattr(case.options, name)
            assert wanted is None or getattr(adapter.options, name) == wanted

    def test_each_step_of_a_training_is_told_once_and_in_order(
        self, backend: Backend, case: BackendCase
    ) -> None:
        journal = KeptJournal()
        train(backend, case, journal)
        assert list(journal.steps) == list(range(1, len(journal.steps) + 1))
        assert journal.steps_total == len(journal.steps) == journal.steps_recorded
        assert journal.steps[len(journal.steps)].epoch == pytest.approx(case.options.epochs)
        assert journal.checks > 0

    def test_each_step_with_samples_has_their_loss(
        self, backend: Backend, case: BackendCase
    ) -> None:
        journal = KeptJournal()
        train(backend, case, journal)
        losses = [step.sample_loss for step in journal.steps.values()]
        assert losses == [loss for loss in losses if loss is not None and 0 < loss < 100]

    def test_no_call_is_left_open_after_a_finished_training(
        self, backend: Backend, case: BackendCase
    ) -> None:
        journal = KeptJournal()
        train(backend, case, journal)
        assert {call.state for call in journal.kept_calls} <= {"done"}

    def test_equal_trainings_give_equal_adapters(self, backend: Backend, case: BackendCase) -> None:
        first = train(backend, case, run_key="contract-1")
        second = train(backend, case, run_key="contract-2")
        assert case.content_of(first) == case.content_of(second)

    @pytest.mark.parametrize(
        "stop", [RunInterrupted("stop"), Dies()], ids=["interrupted", "killed"]
    )
    def test_a_training_that_broke_off_contains_no_batch_twice(
        self, case: BackendCase, stop: BaseException
    ) -> None:
        first, second = case.open(), case.open()
        whole = train(first, case, run_key="whole")
        journal = KeptJournal(stop_at_check=3, stop_with=stop)
        with pytest.raises(type(stop)):
            train(first, case, journal, run_key="broken")
        journal.stop_at_check = None
        resumed = train(second, case, journal, run_key="broken", attempt=2)
        assert case.content_of(resumed) == case.content_of(whole)
        assert sorted(journal.steps) == list(range(1, (journal.steps_total or 0) + 1))
        assert {call.state for call in journal.kept_calls} <= {"done", "failed"}
        first.close()
        second.close()

    def test_a_training_whose_reply_was_lost_is_not_done_again(self, case: BackendCase) -> None:
        first, second = case.open(), case.open()
        whole = train(first, case, run_key="whole")
        journal = KeptJournal(dies_at_settle=True)
        with pytest.raises(Dies):
            train(first, case, journal, run_key="lost")
        journal.dies_at_settle = False
        found = train(second, case, journal, run_key="lost", attempt=2)
        assert case.content_of(found) == case.content_of(whole)
        assert {call.state for call in journal.kept_calls} <= {"done", "failed"}
        first.close()
        second.close()

    def test_training_again_under_the_same_key_gives_the_same_adapter(
        self, case: BackendCase
    ) -> None:
        first, second = case.open(), case.open()
        journal = KeptJournal()
        adapter = train(first, case, journal)
        again = train(second, case, journal, attempt=4)
        assert case.content_of(again) == case.content_of(adapter)
        assert ask(second, case, again) == ask(first, case, adapter)
        first.close()
        second.close()

    def test_one_that_stalled_at_any_write_and_wakes_up_late_spoils_nothing(
        self, case: BackendCase
    ) -> None:
        stalled, successor = case.open(), case.open()
        whole = case.content_of(train(successor, case, run_key="whole"))
        counting = StalledJournal()
        train(stalled, case, counting, run_key="counted")
        assert counting.writes > 3
        for number in range(1, counting.writes + 1):
            made: list[tuple[TrainedAdapter, object]] = []
            journal = KeptJournal()
            at, key = f"stalled after write {number}", f"stalled-{number}"

            def overtake(
                journal: KeptJournal = journal,
                made: list[tuple[TrainedAdapter, object]] = made,
                key: str = key,
            ) -> None:
                adapter = train(successor, case, journal, key, attempt=2)
                made.append((adapter, marks_of(adapter)))

            late = StalledJournal(kept=journal, stalls_after=number, overtake=overtake)
            with suppress(LeaseLost, OSError, PipelineError):
                train(stalled, case, late, key)
            adapter, marks = made[0]
            assert (case.content_of(adapter), marks_of(adapter)) == (whole, marks), at
            assert sorted(journal.steps) == list(range(1, (journal.steps_total or 0) + 1)), at
            assert {call.state for call in journal.kept_calls} <= {"done", "failed"}, at
            assert ask(successor, case, adapter), at
        stalled.close()
        successor.close()

    def test_a_cancelled_training_ends_with_the_cancellation(
        self, backend: Backend, case: BackendCase
    ) -> None:
        journal = KeptJournal(stop_at_check=2, stop_with=RunCancelled("enough"))
        with pytest.raises(RunCancelled, match="enough"):
            train(backend, case, journal)
        assert ask(backend, case, None), "the backend can go on with other work"

    def test_an_empty_asking_gives_no_answer(self, backend: Backend, case: BackendCase) -> None:
        assert ask(backend, case, None, []) == {}

    def test_answers_repeat_and_do_not_depend_on_their_order(
        self, backend: Backend, case: BackendCase
    ) -> None:
        forward = ask(backend, case, None)
        assert ask(backend, case, None, list(reversed(requests_of(case)))) == forward
        assert all(text is not None for text in forward.values())

    def test_an_answer_says_how_it_ended_and_how_long_it_took(
        self, backend: Backend, case: BackendCase
    ) -> None:
        base_model = backend.describe(case.base_model, None)
        for answer in backend.answer(base_model, None, requests_of(case), DECODING):
            assert answer.finish_reason in ("stop", "length")
            assert answer.latency_ms >= 0
            assert answer.error_code is None
            assert answer.output_tokens is None or answer.output_tokens <= DECODING.max_new_tokens

    def test_base_answers_are_the_same_before_and_after_training(
        self, backend: Backend, case: BackendCase
    ) -> None:
        before = ask(backend, case, None)
        adapter = train(backend, case)
        ask(backend, case, adapter)
        assert ask(backend, case, None) == before

    def test_an_adapter_answers_the_same_in_another_process(self, case: BackendCase) -> None:
        first, second = case.open(), case.open()
        adapter = train(first, case)
        assert ask(second, case, adapter) == ask(first, case, adapter)
        first.close()
        second.close()

    def test_a_reader_that_stops_early_leaves_the_backend_usable(
        self, backend: Backend, case: BackendCase
    ) -> None:
        base_model = backend.describe(case.base_model, None)
        answers = backend.answer(base_model, None, requests_of(case), DECODING)
        next(answers)
        answers.close()
        assert len(ask(backend, case, None)) == len(requests_of(case))

    def test_a_deleted_adapter_is_gone_and_deleting_it_again_is_no_error(
        self, backend: Backend, case: BackendCase
    ) -> None:
        adapter = train(backend, case)
        backend.delete(adapter)
        backend.delete(adapter)
        with pytest.raises(PipelineError):
            ask(backend, case, adapter)

    def test_what_a_finished_training_left_is_listed_under_its_runs_key(
        self, backend: Backend, case: BackendCase
    ) -> None:
        adapter = train(backend, case, run_key=_run_key(1))
        (item,) = _held(backend, _run_key(1))
        assert item.kind in (ArtifactKind.ADAPTER, ArtifactKind.WEIGHTS)
        assert item.address in (adapter.external_id, adapter.artifact_uri)
        if adapter.artifact_uri is not None:
            assert item.name == Path(adapter.artifact_uri).name
        assert _inventory(backend).find_missing([adapter]) == []

    def test_what_a_training_that_broke_off_left_is_listed_and_can_be_removed(
        self, backend: Backend, case: BackendCase
    ) -> None:
        journal = KeptJournal(stop_at_check=3, stop_with=RunInterrupted("stop"))
        with pytest.raises(RunInterrupted):
            train(backend, case, journal, run_key=_run_key(2))
        (item,) = _held(backend, _run_key(2))
        assert item.kind in (ArtifactKind.ADAPTER, ArtifactKind.CHECKPOINT)
        _inventory(backend).remove(item)
        assert _held(backend, _run_key(2)) == []

    def test_only_the_item_that_is_removed_goes_and_its_adapter_is_missing_then(
        self, backend: Backend, case: BackendCase
    ) -> None:
        kept = train(backend, case, run_key=_run_key(3))
        removed = train(backend, case, run_key=_run_key(4))
        (item,) = _held(backend, _run_key(4))
        _inventory(backend).remove(item)
        _inventory(backend).remove(item)
        assert _inventory(backend).find_missing([kept, removed]) == [removed]
        assert ask(backend, case, kept)
        with pytest.raises(PipelineError):
            ask(backend, case, removed)

    def test_no_secret_comes_back(self, backend: Backend, case: BackendCase) -> None:
        journal = KeptJournal()
        adapter = train(backend, case, journal)
        with pytest.raises(RequestRejected) as caught:
            backend.describe(case.unknown_base_model, None)
        shown = repr((adapter, journal, caught.value, ask(backend, case, adapter), backend))
        assert not [secret for secret in case.secrets if secret in shown]
