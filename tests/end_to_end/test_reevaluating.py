"""What is live is evaluated again when it is due, and taken back where that finds a fall."""

from __future__ import annotations

import pytest

from tests.end_to_end.command import People, Sqltune
from tests.end_to_end.runs import end_worker

LIVE = "SELECT version_number FROM aliases"
RUNS = "SELECT run_kind, state FROM runs ORDER BY run_id"
#: Times at which everything became due long ago.
LONG_AGO = "2026-01-01 00:00:00.000000"


@pytest.fixture
def fallen(office_on: People, sqltune_on: Sqltune) -> People:
    """Version 2 is live, and what is expected today version 1 knew better."""
    office_on.do("UPDATE training_samples SET response = 'In Delft.'")
    office_on.do("UPDATE eval_prompts SET expected = 'In Delft.'")
    sqltune_on.well("sync")
    assert office_on.rows(LIVE) == [(2,)]
    office_on.do("UPDATE eval_prompts SET expected = 'Our office is in Utrecht.'")
    office_on.do("UPDATE adapters SET min_gain = 0, reevaluate_every = '1d'")
    sqltune_on("sync")
    assert office_on.rows(LIVE) == [(2,)]
    make_due(office_on)
    return office_on


def make_due(people: People) -> None:
    people.do("UPDATE aliases SET changed_at = :t", t=LONG_AGO)
    people.do("UPDATE adapter_states SET reevaluated_at = NULL")


def test_a_fall_is_reported_and_changes_nothing(sqltune_on: Sqltune, fallen: People) -> None:
    planned = sqltune_on.well("sync", "--dry-run", "--json").data[0]["reason"]
    assert planned.endswith("; v2, which is live, is due (reevaluate_every 1d)")
    done = sqltune_on("sync")
    assert done.code == 3
    assert "office: evaluate, v2 is live, and reevaluate_every 1d is due" in done.err
    assert "rejected: what is live is now worse" in done.err
    assert "against version 1 (live before it)" in done.err
    assert "it stays live: on_fall is 'report'" in done.err
    assert fallen.rows(LIVE) == [(2,)]
    assert fallen.rows(
        "SELECT version_number, compared_version, decision FROM report_evaluations"
        " WHERE evaluation_number = 4"
    ) == [(2, 1, "rejected")]
    again = sqltune_on.well("sync")
    assert "reevaluate_every" not in again.err, "it is due again in a day"


def test_a_fall_moves_live_back_with_its_reason(sqltune_on: Sqltune, fallen: People) -> None:
    fallen.do("UPDATE adapters SET on_fall = 'roll_back'")
    assert sqltune_on("sync").code == 3
    assert fallen.rows(LIVE) == [(1,)]
    ((moved_by, run, reason),) = fallen.rows(
        "SELECT moved_by, run_id, reason FROM report_live_history WHERE is_now = 1"
    )
    assert (moved_by, reason.startswith("rejected: what is live is now worse")) == ("on_fall", True)
    assert fallen.rows("SELECT decision, reason FROM evaluations WHERE run_id = :r", r=run) == [
        ("rejected", reason)
    ]
    make_due(fallen)
    assert "accepted: what is live is no worse" in sqltune_on.well("sync").err
    assert fallen.rows(LIVE) == [(1,)]


def test_what_a_person_made_live_is_not_moved_back(sqltune_on: Sqltune, fallen: People) -> None:
    fallen.do("UPDATE adapters SET on_fall = 'roll_back'")
    for version in (1, 2):
        sqltune_on.well("promote", "office", str(version))
    make_due(fallen)
    done = sqltune_on("sync")
    assert done.code == 3
    assert "made it live, not the gate" in done.err
    assert fallen.rows(LIVE) == [(2,)]


def test_prompts_are_asked_again_though_their_answers_are_known(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    people.do("UPDATE adapters SET reevaluate_every = '1d'")
    make_due(people)
    sqltune.play(trained_answers={"Where is our office?": "It moved."})
    sqltune("sync")
    assert people.rows(RUNS) == [("train", "succeeded"), ("reevaluate", "succeeded")]
    answers = people.rows("SELECT phase, response, reused_run_id FROM responses WHERE run_id = 2")
    assert sorted(answers) == [("after", "It moved.", None), ("base", "I do not know.", None)]


def test_an_evaluation_that_fails_waits_for_the_next_time(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    people.do("UPDATE adapters SET reevaluate_every = '1d'")
    make_due(people)
    sqltune.play(faults=[{"at": "answer", "kind": "raise"}])
    assert sqltune("sync").code == 1
    assert people.rows("SELECT state, next_step FROM runs WHERE run_id = 2") == [
        ("failed", "what is live is evaluated again when reevaluate_every is due")
    ]
    assert "up to date" in sqltune.well("sync").err
    assert people.count("runs") == 2


def test_an_older_evaluation_that_is_retried_moves_nothing(
    sqltune_on: Sqltune, fallen: People
) -> None:
    fallen.do("UPDATE adapters SET on_fall = 'roll_back'")
    sqltune_on.play(faults=[{"at": "answer", "code": "rate_limited"}])
    assert sqltune_on("sync").code == 3
    run = fallen.value("SELECT MAX(run_id) FROM evaluations")
    fallen.do("UPDATE eval_prompts SET expected = 'In Delft.'")
    sqltune_on.play()
    sqltune_on.well("sync")
    assert sqltune_on("retry", str(run), "--failed").code == 3
    assert "evaluated it later, and its verdict counts" in fallen.value(
        "SELECT reason FROM gate_decisions WHERE run_id = :run", run=run
    )
    assert fallen.rows(LIVE) == [(2,)]


def test_what_is_live_without_a_version_is_an_error_once(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    people.do("UPDATE adapters SET reevaluate_every = '1d'")
    make_due(people)
    people.do("UPDATE aliases SET version_number = 9")
    assert sqltune("sync").code == 1
    assert people.rows("SELECT run_kind, error_code FROM runs WHERE run_id = 2") == [
        ("reevaluate", "unknown_version")
    ]
    sqltune.well("sync")
    assert people.count("runs") == 2


def test_a_worker_evaluates_what_is_live_and_trains_nothing_that_nobody_asked_for(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    people.do("UPDATE training_samples SET response = 'In Delft.'")
    people.do("UPDATE adapters SET reevaluate_every = '1d'")
    make_due(people)
    worker = sqltune.start("worker", "--poll-seconds", "0.1")
    people.await_row("SELECT 1 FROM runs WHERE run_kind = 'reevaluate' AND state = 'succeeded'")
    end_worker(worker)
    assert people.rows(RUNS) == [("train", "succeeded"), ("reevaluate", "succeeded")]
