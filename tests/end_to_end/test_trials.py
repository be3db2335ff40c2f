"""Trials, and runs that are forced though nothing changed."""

from __future__ import annotations

import signal

from tests.end_to_end.command import People, Sqltune
from tests.end_to_end.conftest import declare_office
from tests.end_to_end.runs import ask, declare_rooms, stop_in_training


def test_a_trial_on_the_manifest_of_an_earlier_run_is_compared_and_never_live(
    sqltune_on: Sqltune, office_on: People
) -> None:
    office_on.teach("office", "When are you open?", "We open at nine.")
    sqltune_on.well("sync")
    run = ask(office_on, manifest_id=1, base_model="other")
    sqltune_on.well("sync")
    assert office_on.rows(
        "SELECT state, is_trial, base_model, manifest_id, samples_used, version_number,"
        "       before_version"
        " FROM runs WHERE run_id = :run",
        run=run,
    ) == [("succeeded", 1, "other", 1, 1, 3, 2)]
    assert office_on.rows("SELECT version_number FROM aliases") == [(2,)]
    assert office_on.rows(
        "SELECT version_number, is_latest, state, base_model FROM adapter_versions ORDER BY 1"
    ) == [(1, 0, "accepted", "toy"), (2, 1, "accepted", "toy"), (3, 0, "accepted", "other")]
    assert "a trial goes live only through a row in alias_changes" in office_on.value(
        "SELECT reason FROM gate_decisions WHERE run_id = :run", run=run
    )
    phases = office_on.rows(
        "SELECT phase, COUNT(*) FROM responses WHERE run_id = :run GROUP BY phase ORDER BY 1",
        run=run,
    )
    assert phases == [("after", 1), ("base", 1), ("before", 1)]
    both = office_on.rows(
        "SELECT version_number, base_model FROM report_before_after"
        " WHERE version_number IN (2, 3) ORDER BY 1"
    )
    assert both == [(2, "toy"), (3, "other")]
    assert "up to date" in sqltune_on.well("sync").err, "a trial says nothing about the adapter"


def test_a_manifest_of_another_adapter_is_refused(sqltune: Sqltune, people: People) -> None:
    declare_office(people)
    declare_office(people, "attic")
    sqltune.well("sync")
    other = people.value("SELECT manifest_id FROM manifests WHERE adapter_name = 'attic'")
    run = ask(people, manifest_id=other)
    assert sqltune("sync").code == 1
    assert "belongs to adapter 'attic'" in people.value(
        "SELECT error_message FROM runs WHERE run_id = :run", run=run
    )


def test_a_trial_that_fails_for_now_promises_no_other_try(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    sqltune.play(faults=[{"at": "train", "number": 2}])
    run = ask(people, base_model="toy2")
    assert sqltune("sync").code == 1
    assert people.rows(
        "SELECT state, next_attempt_at, next_step FROM runs WHERE run_id = :run", run=run
    ) == [("failed", None, "nothing: a trial is repeated only if another row in runs requests it")]


def test_force_counts_also_where_a_request_waits(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    run = ask(people)
    sqltune.well("sync", "--force")
    assert people.value("SELECT run_kind FROM runs WHERE run_id = :run", run=run) == "train"
    assert people.count("adapter_versions") == 2


def test_force_counts_also_after_a_trial(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    ask(people, base_model="toy2")
    sqltune.well("sync", "--force")
    versions = people.rows("SELECT base_model FROM adapter_versions ORDER BY version_number")
    assert versions == [("toy",), ("toy2",), ("toy",)]
    assert people.value("SELECT version_number FROM aliases") == 3


def test_force_counts_also_after_an_evaluation_that_was_left_unfinished(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    people.ask("office", "When are you open?", "At nine.")
    gate = str(sqltune.folder / "never")
    sqltune.play(faults=[{"at": "answer", "number": 1, "kind": "hang", "until": gate}])
    running = sqltune.start("sync")
    people.await_row("SELECT 1 FROM runs WHERE run_id = 2 AND state = 'answering_before'")
    running.signal(signal.SIGTERM)
    running.finish()
    sqltune.play()
    sqltune.well("sync", "--force")
    assert people.rows("SELECT run_kind, state FROM runs ORDER BY run_id") == [
        ("train", "succeeded"),
        ("evaluate", "succeeded"),
        ("train", "succeeded"),
    ]


def test_a_training_that_was_left_unfinished_is_the_one_that_force_asks_for(
    sqltune: Sqltune, people: People
) -> None:
    declare_rooms(people)
    stop_in_training(sqltune, people)
    sqltune.well("sync", "--force")
    assert people.count("adapter_versions") == 1


def test_a_trial_that_is_resumed_keeps_what_it_counted(sqltune: Sqltune, people: People) -> None:
    declare_office(people)
    people.teach("office", "", "An answer to nothing.")
    people.do("UPDATE adapters SET on_bad_row = 'skip', max_skipped_share = 1")
    sqltune.well("sync")
    run = ask(people, base_model="toy2")
    sqltune.well("sync")
    # As a kill leaves it that comes after the samples were counted.
    people.do(
        "UPDATE runs SET state = 'preparing', finished_at = NULL, version_number = NULL"
        " WHERE run_id = :run",
        run=run,
    )
    sqltune.well("sync")
    assert people.rows(
        "SELECT state, samples_selected, samples_skipped, samples_used FROM runs"
        " WHERE run_id = :run",
        run=run,
    ) == [("succeeded", 2, 1, 1)]
