"""Evaluations are history: each is a row, and no later one overwrites it."""

from __future__ import annotations

from tests.end_to_end.command import People, Sqltune

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
