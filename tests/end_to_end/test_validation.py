"""Knowing when to stop, from rows to rows: validation, early stopping, and kept epochs."""

from __future__ import annotations

import pytest

from tests.end_to_end.command import People, Sqltune
from tests.end_to_end.runs import ask

#: Measured after epoch 1, 2, 3 ...: the second is the best.
OVERFITTED = {"eval_losses": [2.0, 1.0, 1.5, 1.6, 1.7], "steps_per_epoch": 2}
EPOCHS = "SELECT run_id, epoch, eval_loss FROM kept_epochs ORDER BY run_id, epoch"


def declare(people: People, **columns: object) -> None:
    """Declare an adapter with four samples to train and two for validation."""
    people.declare("office", **{"epochs": 5, **columns})
    for number in range(6):
        split = "validation" if number > 3 else None
        people.teach("office", f"Room {number}?", f"It is room {number}.", split=split)
    people.ask("office", "Room 1?", "It is room 1.")


def test_the_best_epoch_becomes_the_version_and_the_rows_say_which(
    sqltune_on: Sqltune, people_on: People
) -> None:
    sqltune, people = sqltune_on, people_on
    declare(people)
    sqltune.play(**OVERFITTED)
    (plan,) = sqltune.well("plan", "--json").data
    assert (plan["samples"], plan["validation"]) == (4, 2)
    assert "4 samples, 2 for validation" in sqltune.well("plan", COLUMNS="200").out
    said = sqltune.well("sync").err
    assert "2 of 6 samples for validation: never trained" in said
    assert people.rows(
        "SELECT samples_selected, samples_used, samples_validated, steps_done, steps_total"
        " FROM runs"
    ) == [(6, 4, 2, 10, 10)]
    assert people.rows(
        "SELECT sample_count, validation_count, best_epoch, eval_loss FROM report_adapter_versions"
    ) == [(4, 2, 2, 1.0)]
    measured = people.rows(
        "SELECT epoch, eval_loss, is_best FROM report_training_steps WHERE eval_loss IS NOT NULL"
        " ORDER BY step"
    )
    assert measured == [(1, 2.0, 0), (2, 1.0, 1), (3, 1.5, 0), (4, 1.6, 0), (5, 1.7, 0)]
    assert people.count("run_events", "event = 'validation_chosen'") == 1
    assert (
        people.rows("SELECT split FROM report_samples WHERE is_validation = 1 ORDER BY position")
        == [("validation",)] * 2
    )
    assert "Room 5" not in sqltune.well("export", "office").out
    assert "nothing changed" in sqltune.well("sync").err


def test_patience_ends_a_training_early(sqltune: Sqltune, people: People) -> None:
    declare(people, early_stop_patience=2)
    sqltune.play(**OVERFITTED)
    sqltune.well("sync")
    assert people.rows("SELECT steps_done, steps_total FROM runs") == [(8, 8)]
    assert people.rows("SELECT best_epoch, eval_loss FROM adapter_versions") == [(2, 1.0)]
    message = people.value("SELECT message FROM run_events WHERE event = 'stopped_early'")
    assert message.startswith("stopped after epoch 4")


def test_an_edit_of_a_validation_sample_trains_again_because_it_may_choose_another_epoch(
    sqltune: Sqltune, people: People
) -> None:
    declare(people)
    sqltune.well("sync")
    people.do("UPDATE training_samples SET response = 'edited' WHERE split = 'validation'")
    (plan,) = sqltune.well("plan", "--json").data
    assert plan["reason"] == "2 edited of 6 samples"
    sqltune.well("sync")
    assert people.count("adapter_versions") == 2
    people.do("UPDATE training_samples SET split = NULL WHERE split = 'validation'")
    sqltune.well("sync")
    assert people.rows(
        "SELECT sample_count, best_epoch FROM adapter_versions WHERE version_number = 3"
    ) == [(6, None)]


def test_a_share_that_chooses_nothing_is_said_and_refused_with_patience(
    sqltune: Sqltune, people: People
) -> None:
    people.declare("office", validation_share=0.000001)
    people.teach("office", "q", "a")
    assert "chose none of 1 sample" in sqltune.well("sync").err
    people.do("UPDATE adapters SET early_stop_patience = 1")
    done = sqltune("sync")
    assert done.code == 1
    assert "adapters.early_stop_patience of 'office' is 1" in done.err
    assert people.value("SELECT error_code FROM runs WHERE state = 'failed'") == "config_error"


def test_a_kept_epoch_is_asked_and_promoted_as_a_trial(
    sqltune_on: Sqltune, people_on: People
) -> None:
    sqltune, people = sqltune_on, people_on
    declare(people, keep_epochs=1, epochs=3)
    sqltune.play(**OVERFITTED)
    sqltune.well("sync")
    assert people.rows(EPOCHS) == [(1, 1, 2.0), (1, 2, 1.0), (1, 3, 1.5)]
    run = ask(people, from_run_id=1, from_epoch=3, trigger_reason="was it better?")
    sqltune.well("sync")
    assert people.rows(
        "SELECT state, is_trial, version_number, samples_used, samples_validated FROM runs"
        " WHERE run_id = :run",
        run=run,
    ) == [("succeeded", 1, 2, 4, 2)]
    assert people.rows(
        "SELECT best_epoch, eval_loss, is_latest, is_live, sample_count"
        " FROM report_adapter_versions WHERE version_number = 2"
    ) == [(3, 1.5, 0, 0, 4)]
    sha = "SELECT artifact_sha256 FROM {} WHERE {}"
    assert people.value(sha.format("adapter_versions", "version_number = 2")) == people.value(
        sha.format("kept_epochs", "epoch = 3")
    )
    assert "It is room 1." in sqltune.well("compare", "office", "--version", "2").out
    people.insert("alias_changes", adapter_name="office", version_number=2)
    sqltune.well("sync")
    assert people.value("SELECT version_number FROM aliases WHERE alias = 'live'") == 2
    assert "nothing changed" in sqltune.well("sync").err


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"from_run_id": 1, "from_epoch": 9}, "kept no epoch 9"),
        ({"from_run_id": 7, "from_epoch": 1}, "run 7 kept no epoch 1"),
        ({"from_epoch": 1}, "give both"),
        ({"from_run_id": 1}, "give both"),
    ],
)
def test_an_epoch_that_was_not_kept_is_refused_with_the_reason(
    sqltune: Sqltune, people: People, columns: dict[str, int], reason: str
) -> None:
    declare(people, keep_epochs=1, epochs=2)
    sqltune.well("sync")
    run = ask(people, **columns)
    assert sqltune("sync").code in (0, 1)
    state, code, message = people.rows(
        "SELECT state, error_code, error_message FROM runs WHERE run_id = :run", run=run
    )[0]
    assert (state, code) == ("failed", "unknown_epoch")
    assert reason in message
    assert people.count("adapter_versions") == 1


def test_gc_leaves_kept_epochs_alone_until_their_rows_are_deleted(
    sqltune: Sqltune, people: People
) -> None:
    declare(people, keep_epochs=1, epochs=3)
    sqltune.well("sync")
    gc = ("gc", "--grace-seconds", "0")
    assert sqltune.well(*gc, "--json").data == []
    people.do("DELETE FROM kept_epochs WHERE epoch = 1")
    sqltune.well(*gc, "--remove")
    ((address,),) = people.rows("SELECT address FROM report_orphans WHERE state = 'removed'")
    assert ".epoch-1." in address
    ask(people, from_run_id=1, from_epoch=2)
    sqltune.well("sync")


def test_a_service_that_cannot_measure_is_refused_before_anything_is_sent(
    sqltune: Sqltune, people: People
) -> None:
    people.declare("office", backend="gradient", validation_share=0.1)
    people.teach("office", "q", "a")
    done = sqltune("sync", SQLTUNE_BACKENDS="local,scripted,gradient")
    assert done.code == 1
    assert "adapters.validation_share of 'office' must be NULL" in done.err


def test_another_share_does_not_wait_for_new_samples(sqltune: Sqltune, people: People) -> None:
    people.declare("office", min_new_samples=5)
    for number in range(12):
        people.teach("office", f"Room {number}?", f"It is room {number}.")
    sqltune.well("sync")
    people.teach("office", "Room 12?", "It is room 12.")
    (plan,) = sqltune.well("plan", "--json").data
    assert plan["decision"] == "wait"
    people.do("UPDATE adapters SET validation_share = 0.5")
    sqltune.well("sync")
    assert people.value("SELECT COUNT(*) FROM adapter_versions") == 2
    assert people.value("SELECT samples_validated FROM runs WHERE version_number = 2") > 0
