"""The contract in sqltune/backends/base.py as tests, from which every backend's tests derive.

The module of a backend provides a `case`: how to open the backend, any number of times with the
same memory, and what to train it on. Nothing here depends on how a backend works; the content of
adapters is compared by their artifacts, or as the case says.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from sqltune.backends.base import Backend, TrainedAdapter
from sqltune.backends.inventory import ArtifactKind, Inventory, StoredArtifact
from sqltune.errors import LeaseLost, PipelineError, RequestRejected, RunCancelled, RunInterrupted
from tests.backends.cases import (
    DECODING,
    BackendCase,
    ask,
    assert_complete,
    marks_of,
    requests_of,
    train,
)
from tests.backends.journals import Dies, KeptJournal, StalledJournal


def _run_key(number: int) -> str:
    """Return a key in the form that runs have."""
    return f"machine.local-{number:032x}"


def _inventory(backend: Backend) -> Inventory:
    assert isinstance(backend, Inventory)
    return backend


def _stored(backend: Backend, run_key: str) -> list[StoredArtifact]:
    return [a for a in _inventory(backend).list_artifacts() if a.run_key == run_key]


class BackendContract:
    """What every backend promises; a subclass provides the fixture `case`."""

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
        counts = list(backend.count_tokens(base_model, [short, long, short], "auto"))
        assert len(counts) == 3
        assert 0 < counts[0].tokens == counts[2].tokens < counts[1].tokens

    def test_a_finished_training_returns_an_adapter_with_the_options_that_were_used(
        self, backend: Backend, case: BackendCase
    ) -> None:
        adapter = train(backend, case)
        assert adapter.external_id or adapter.artifact_uri
        # The backend chooses rehearsal and the prompt format.
        used = adapter.options
        chosen = {"rehearsal": used.rehearsal, "prompt_format": used.prompt_format}
        asked = asdict(replace(case.options, **chosen))
        given = {name: value for name, value in asked.items() if value is not None}
        assert given.items() <= asdict(adapter.options).items()

    def test_each_step_of_a_training_is_recorded_once_and_in_order(
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
        assert {call.state for call in journal.kept_calls} == {"done"}

    def test_equal_trainings_give_equal_adapters(self, backend: Backend, case: BackendCase) -> None:
        first = train(backend, case, run_key="contract-1")
        second = train(backend, case, run_key="contract-2")
        assert case.content_of(first) == case.content_of(second)

    def test_a_training_during_which_another_thread_asks_gives_an_equal_adapter(
        self, backend: Backend, case: BackendCase
    ) -> None:
        first = train(backend, case, run_key="contract-1")
        expected = ask(backend, case, first)
        with ThreadPoolExecutor(1) as other:
            asked = other.submit(ask, backend, case, first)
            second = train(backend, case, run_key="contract-2")
        assert asked.result() == expected
        assert case.content_of(second) == case.content_of(first)

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
        assert_complete(journal)
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
        assert_complete(journal)
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

    def test_an_attempt_that_stalls_at_any_write_and_continues_late_damages_nothing(
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
            assert_complete(journal, at)
            assert ask(successor, case, adapter), at
        stalled.close()
        successor.close()

    def test_a_cancelled_training_ends_with_the_cancellation(
        self, backend: Backend, case: BackendCase
    ) -> None:
        journal = KeptJournal(stop_at_check=2, stop_with=RunCancelled("enough"))
        with pytest.raises(RunCancelled, match="enough"):
            train(backend, case, journal)
        assert ask(backend, case, None), "the backend can continue with other work"

    def test_no_request_yields_no_answer(self, backend: Backend, case: BackendCase) -> None:
        assert ask(backend, case, None, []) == {}

    def test_answers_repeat_and_do_not_depend_on_their_order(
        self, backend: Backend, case: BackendCase
    ) -> None:
        forward = ask(backend, case, None)
        assert ask(backend, case, None, list(reversed(requests_of(case)))) == forward
        assert all(text is not None for text in forward.values())

    def test_an_answer_has_a_finish_reason_and_a_latency(
        self, backend: Backend, case: BackendCase
    ) -> None:
        base_model = backend.describe(case.base_model, None)
        answers = list(backend.answer(base_model, None, requests_of(case), DECODING))
        assert len(answers) == len(requests_of(case))
        for answer in answers:
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

    def test_the_artifact_of_a_finished_training_is_listed_under_its_runs_key(
        self, backend: Backend, case: BackendCase
    ) -> None:
        adapter = train(backend, case, run_key=_run_key(1))
        (artifact,) = _stored(backend, _run_key(1))
        is_adapter = artifact.kind is ArtifactKind.ADAPTER
        assert is_adapter or artifact.kind is ArtifactKind.WEIGHTS
        # By these, gc compares an artifact with the rows of versions.
        found = artifact.address if is_adapter else artifact.name
        recorded = adapter.external_id if is_adapter else Path(adapter.artifact_uri or "").name
        assert found == recorded
        assert _inventory(backend).find_missing([adapter]) == []

    def test_the_artifact_of_a_training_that_broke_off_is_listed_and_can_be_removed(
        self, backend: Backend, case: BackendCase
    ) -> None:
        journal = KeptJournal(stop_at_check=3, stop_with=RunInterrupted("stop"))
        with pytest.raises(RunInterrupted):
            train(backend, case, journal, run_key=_run_key(2))
        (artifact,) = _stored(backend, _run_key(2))
        assert artifact.kind in (ArtifactKind.ADAPTER, ArtifactKind.CHECKPOINT)
        _inventory(backend).remove(artifact)
        assert _stored(backend, _run_key(2)) == []

    def test_only_the_removed_artifact_is_gone_and_its_adapter_is_then_missing(
        self, backend: Backend, case: BackendCase
    ) -> None:
        kept = train(backend, case, run_key=_run_key(3))
        removed = train(backend, case, run_key=_run_key(4))
        (artifact,) = _stored(backend, _run_key(4))
        _inventory(backend).remove(artifact)
        _inventory(backend).remove(artifact)
        assert _inventory(backend).find_missing([kept, removed]) == [removed]
        assert ask(backend, case, kept)
        with pytest.raises(PipelineError):
            ask(backend, case, removed)

    def test_no_secret_is_returned(
        self, backend: Backend, case: BackendCase, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SQLTUNE_DATABASE_URL", "mysql+pymysql://me:a-planted-secret@host/db")
        journal = KeptJournal()
        adapter = train(backend, case, journal)
        with pytest.raises(RequestRejected) as caught:
            backend.describe(case.unknown_base_model, None)
        shown = repr((adapter, journal, caught.value, ask(backend, case, adapter), backend))
        secrets = ("a-planted-secret", *case.secrets)
        assert [secret for secret in secrets if secret in shown] == []
