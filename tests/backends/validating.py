"""What a backend promises that measures samples for validation: rule 9 of the contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from sqltune.backends.base import Backend, TrainedAdapter
from sqltune.backends.inventory import Inventory
from sqltune.errors import RunInterrupted
from sqltune.records import Sample
from tests.backends.cases import BackendCase, ask, train
from tests.backends.contract import BackendContract
from tests.backends.journals import Dies, KeptJournal

VALIDATION = [
    Sample("v1", "Who is Ada?", "A mathematician.", None, 1.0, None, "validation"),
    Sample("v2", "Name a flower.", "The tulip.", None, 0.5, None, "validation"),
]


def losses_of(journal: KeptJournal) -> dict[float, float]:
    """Return what was measured, by epoch."""
    steps = journal.steps.values()
    return {step.epoch: step.eval_loss for step in steps if step.eval_loss is not None}


def kept_contents(adapter: TrainedAdapter) -> list[tuple[int, float | None, str | None]]:
    return [(k.epoch, k.eval_loss, k.artifact_sha256) for k in adapter.kept_epochs]


class ValidatingContract(BackendContract):
    """What every backend promises, and what those promise that measure a loss."""

    def test_the_last_step_of_each_epoch_has_the_loss_of_the_validation_samples(
        self, backend: Backend, case: BackendCase
    ) -> None:
        journal = KeptJournal()
        train(backend, case, journal, validation=VALIDATION, epochs=3)
        assert list(losses_of(journal)) == [1.0, 2.0, 3.0]
        assert all(0 < loss < 100 for loss in losses_of(journal).values())

    def test_without_validation_samples_nothing_is_measured_and_the_last_epoch_is_the_adapter(
        self, backend: Backend, case: BackendCase
    ) -> None:
        journal = KeptJournal()
        adapter = train(backend, case, journal)
        assert losses_of(journal) == {}
        assert (adapter.best_epoch, adapter.eval_loss, adapter.kept_epochs) == (None, None, ())

    def test_the_adapter_has_the_weights_of_the_epoch_with_the_lowest_loss(
        self, backend: Backend, case: BackendCase
    ) -> None:
        journal = KeptJournal()
        adapter = train(backend, case, journal, validation=VALIDATION, epochs=3, keep_epochs=True)
        losses = losses_of(journal)
        best = min(losses, key=losses.__getitem__)
        assert (adapter.best_epoch, adapter.eval_loss) == (best, losses[best])
        kept = {k.epoch: k for k in adapter.kept_epochs}
        assert {epoch: k.eval_loss for epoch, k in kept.items()} == losses
        assert kept[int(best)].artifact_sha256 == adapter.artifact_sha256
        assert len({k.artifact_sha256 for k in kept.values()}) == 3

    def test_validation_samples_change_no_weights(
        self, backend: Backend, case: BackendCase
    ) -> None:
        plain = train(backend, case, run_key="plain")
        measured = train(backend, case, run_key="kept", validation=VALIDATION, keep_epochs=True)
        assert measured.kept_epochs[-1].artifact_sha256 == plain.artifact_sha256

    def test_each_kept_epoch_is_listed_under_its_runs_key_and_can_be_asked(
        self, backend: Backend, case: BackendCase
    ) -> None:
        assert isinstance(backend, Inventory)
        run_key = f"machine.local-{7:032x}"
        adapter = train(backend, case, run_key=run_key, keep_epochs=True)
        names = {a.name for a in backend.list_artifacts() if a.run_key == run_key}
        addresses = [adapter.artifact_uri, *(k.artifact_uri for k in adapter.kept_epochs)]
        assert names == {Path(address or "").name for address in addresses}
        for kept in adapter.kept_epochs:
            assert kept.eval_loss is None
            of_epoch = TrainedAdapter(
                kept.external_id,
                kept.artifact_uri,
                kept.artifact_bytes,
                kept.artifact_sha256,
                adapter.options,
            )
            assert ask(backend, case, of_epoch)
            assert backend.find_missing([of_epoch]) == []

    @pytest.mark.parametrize(
        "stop", [RunInterrupted("stop"), Dies()], ids=["interrupted", "killed"]
    )
    def test_a_training_that_broke_off_anywhere_measures_and_keeps_the_same(
        self, case: BackendCase, stop: BaseException
    ) -> None:
        first, second = case.open(), case.open()
        options = {"epochs": 3, "keep_epochs": True}
        whole = KeptJournal()
        expected = train(first, case, whole, "whole", validation=VALIDATION, **options)
        for number in range(2, whole.checks + 1):
            journal, key = KeptJournal(stop_at_check=number, stop_with=stop), f"broken-{number}"
            with pytest.raises(type(stop)):
                train(first, case, journal, key, validation=VALIDATION, **options)
            journal.stop_at_check = None
            found = train(second, case, journal, key, 2, validation=VALIDATION, **options)
            assert losses_of(journal) == losses_of(whole), number
            assert (found.best_epoch, found.eval_loss) == (expected.best_epoch, expected.eval_loss)
            assert found.artifact_sha256 == expected.artifact_sha256, number
            assert kept_contents(found) == kept_contents(expected), number
        first.close()
        second.close()

    def test_a_finished_training_that_is_asked_for_again_has_the_same_epochs(
        self, case: BackendCase
    ) -> None:
        first, second = case.open(), case.open()
        journal = KeptJournal()
        options = {"validation": VALIDATION, "keep_epochs": True}
        adapter = train(first, case, journal, **options)
        again = train(second, case, journal, attempt=3, **options)
        assert kept_contents(again) == kept_contents(adapter)
        assert (again.best_epoch, again.eval_loss) == (adapter.best_epoch, adapter.eval_loss)
        first.close()
        second.close()
