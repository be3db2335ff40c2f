"""Evaluations are history: each is a row, and no later one overwrites it."""

from __future__ import annotations

import pytest

from tests.end_to_end.command import People, Sqltune
from tests.end_to_end.runs import ask

HISTORY = (
    "SELECT evaluation_number, run_id, version_number, compared_version, clean_score,"
    " is_comparable, not_comparable_reason, score_change FROM report_evaluations"
    " ORDER BY evaluation_number"
)


def test_every_run_that_evaluates_adds_a_row_to_the_history(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    people.ask("office", "When are you open?", "We open at nine.")
    sqltune.well("sync")
    people.teach("office", "When are you open?", "We open at nine!")
    people.ask("office", "Who are you?", "I do not know.")
    sqltune.well("sync")
    people.do("UPDATE adapters SET max_new_tokens = 64")
    sqltune.well("sync")
    assert people.rows(HISTORY) == [
        # The one prompt is trained on.
        (1, 1, 1, None, None, 0, "first_evaluation", None),
        (2, 2, 1, None, 0.0, 0, "other_prompts_or_scorers", None),
        (3, 3, 2, 1, 1.0, 0, "other_prompts_or_scorers", None),
        (4, 4, 2, None, 1.0, 0, "other_decoding_settings", None),
    ]
    counts = people.rows(
        "SELECT prompt_count, clean_count, leaked_count, error_count, decision FROM evaluations"
        " WHERE evaluation_number = 4"
    )
    assert counts == [(3, 1, 2, 0, "accepted")], "an evaluation alone knows the leaks too"


def test_a_retry_is_an_evaluation_of_its_own(sqltune: Sqltune, people: People, office: str) -> None:
    people.ask("office", "Who are you?", "I do not know.")
    sqltune.play(faults=[{"at": "answer", "prompt": "Who are you?", "code": "rate_limited"}])
    assert sqltune("sync").code == 3
    (first,) = people.rows("SELECT * FROM evaluations")
    sqltune.play()
    sqltune.well("retry", "1", "--failed")
    rows = people.rows("SELECT * FROM evaluations ORDER BY evaluation_number")
    assert rows[0] == first
    assert people.rows(
        "SELECT run_id, decision, error_count, clean_score, not_comparable_reason"
        " FROM report_evaluations ORDER BY evaluation_number"
    ) == [(1, "rejected", 1, None, "first_evaluation"), (1, "accepted", 0, 1.0, "no_score")]
    assert people.rows("SELECT decision FROM gate_decisions") == [("accepted",)]


def test_a_row_evaluates_any_version_against_what_is_live_and_moves_nothing(
    sqltune_on: Sqltune, office_on: People
) -> None:
    office_on.do("UPDATE training_samples SET response = 'In Delft.'")
    sqltune_on.well("sync")
    office_on.ask("office", "Who are you?", "I do not know.")
    sqltune_on.well("sync")
    run = ask(office_on, run_kind="evaluate", version_number=1)
    done = sqltune_on.well("sync")
    assert "office: evaluate, v1 is evaluated" in done.err
    assert office_on.rows(
        "SELECT state, run_kind, is_trial, version_number, before_version, prompts_selected,"
        " next_step FROM runs WHERE run_id = :run",
        run=run,
    ) == [("succeeded", "evaluate", 1, 1, 2, 2, "nothing: it is done")]
    assert office_on.rows(
        "SELECT version_number, compared_version, decision FROM evaluations WHERE run_id = :run",
        run=run,
    ) == [(1, 2, "accepted")]
    assert office_on.rows("SELECT version_number FROM aliases") == [(2,)]
    assert office_on.count("adapter_versions") == 2
    assert "up to date" in sqltune_on.well("sync").err


def test_a_row_without_a_version_evaluates_what_is_live_against_the_base_model(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    run = ask(people, run_kind="evaluate")
    sqltune.well("sync")
    assert people.rows(
        "SELECT version_number, compared_version FROM evaluations WHERE run_id = :run", run=run
    ) == [(1, None)]
    reused = "run_id = {} AND reused_run_id IS NOT NULL"
    assert people.count("responses", reused.format(run)) == 2
    again = ask(people, run_kind="evaluate", is_forced=1)
    sqltune.well("sync")
    assert people.count("responses", f"run_id = {again}") == 2
    assert people.count("responses", reused.format(again)) == 0, "every prompt is asked again"


def test_an_evaluation_selects_no_samples(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    people.do("UPDATE adapters SET training_query = 'SELECT * FROM gone'")
    run = ask(people, run_kind="evaluate", version_number=1)
    sqltune.well("sync")
    assert people.value("SELECT state FROM runs WHERE run_id = :run", run=run) == "succeeded"


@pytest.mark.parametrize(
    ("columns", "code", "message"),
    [
        ({"version_number": 9}, "unknown_version", "'office' has no version 9"),
        ({"version_number": 0}, "unknown_version", "'office' has no version 0"),
        ({"backend": "local"}, "request_refused", "runs.backend says how to train"),
    ],
)
def test_an_evaluation_that_cannot_be_made_says_why_and_what_to_do(
    sqltune: Sqltune, people: People, trained_office: str, columns: dict[str, object], code: str,
    message: str,
) -> None:  # fmt: skip
    run = ask(people, run_kind="evaluate", **columns)
    assert sqltune("sync").code == 1
    ((kind, version, error_code, error_message),) = people.rows(
        "SELECT run_kind, version_number, error_code, error_message FROM runs WHERE run_id = :run",
        run=run,
    )
    assert (kind, version, error_code) == ("evaluate", columns.get("version_number"), code)
    assert message in error_message
    assert "up to date" in sqltune.well("sync").err


def test_a_version_whose_weights_are_gone_is_an_error_with_its_cure(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    (uri,) = people.rows("SELECT artifact_uri FROM adapter_versions")[0]
    (sqltune.folder / uri).unlink()
    run = ask(people, run_kind="evaluate", version_number=1, is_forced=1)
    assert sqltune("sync").code == 1
    ((code, message),) = people.rows(
        "SELECT error_code, error_message FROM runs WHERE run_id = :run", run=run
    )
    assert code == "artifact_not_found"
    assert "a row of runs with manifest_id 1 asks for that" in message
    assert people.count("evaluations") == 1


def test_what_is_live_must_be_there_to_be_evaluated(
    sqltune: Sqltune, people: People, office: str
) -> None:
    run = ask(people, run_kind="evaluate")
    assert sqltune("sync").code == 1
    message = people.value("SELECT error_message FROM runs WHERE run_id = :run", run=run)
    assert "no version of 'office' is live: write the version_number" in message
