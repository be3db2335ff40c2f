"""`gc` removes answers and texts that are older than the settings keep them, and no others."""

from __future__ import annotations

import json

import pytest

from tests.end_to_end.command import People, Sqltune
from tests.end_to_end.conftest import ANSWER, QUESTION

DAYS = {"SQLTUNE_KEEP_ANSWERS_DAYS": "30", "SQLTUNE_KEEP_TEXTS_DAYS": "30"}
TEXTS = "SELECT version_number, prompt FROM report_lineage ORDER BY version_number, position"
ANSWERS = "SELECT DISTINCT run_id, response IS NULL FROM responses ORDER BY run_id"


@pytest.fixture
def aged(sqltune_on: Sqltune, office_on: People) -> People:
    """An adapter with three versions of long ago, the third live; each saw another text."""
    office_on.teach("office", "When are you open?", "We open at eight.")
    sqltune_on.well("sync")
    office_on.do("UPDATE training_samples SET response = 'We open at nine.' WHERE sample_id = 2")
    sqltune_on.well("sync")
    old = "2020-01-01 00:00:00.000000"
    office_on.do("UPDATE runs SET finished_at = :old", old=old)
    office_on.do("UPDATE manifests SET created_at = :old", old=old)
    return office_on


def test_without_the_settings_everything_is_kept(sqltune_on: Sqltune, aged: People) -> None:
    before = aged.rows(TEXTS), aged.rows(ANSWERS)
    assert "older than" not in sqltune_on.well("gc", "--remove").err
    assert (aged.rows(TEXTS), aged.rows(ANSWERS)) == before


def test_what_is_older_is_counted_and_only_remove_removes_it(
    sqltune_on: Sqltune, aged: People
) -> None:
    scores = aged.rows("SELECT * FROM scores ORDER BY 1, 2, 3, 4")
    compared = aged.rows(
        "SELECT version_number, outcome, score_after FROM report_before_after ORDER BY 1"
    )
    done = sqltune_on.well("gc", **DAYS)
    assert "older than it is kept: 5 answers and 1 texts of samples (--remove does)" in done.err
    done = sqltune_on.well("gc", "--remove", **DAYS)
    assert "5 answers and 1 texts of samples: removed" in done.err
    assert aged.rows(TEXTS) == [
        (1, QUESTION),
        (2, QUESTION),
        (2, "[expired]"),
        (3, QUESTION),
        (3, "When are you open?"),
    ]
    assert aged.rows(ANSWERS) == [(1, 1), (2, 1), (3, 0)]
    assert aged.rows("SELECT * FROM scores ORDER BY 1, 2, 3, 4") == scores
    assert compared == aged.rows(
        "SELECT version_number, outcome, score_after FROM report_before_after ORDER BY 1"
    )
    assert "older than" not in sqltune_on.well("gc", "--remove", **DAYS).err
    assert "up to date" in sqltune_on.well("sync").err


def test_expired_samples_are_not_counted_as_forgotten_and_not_exported(
    sqltune_on: Sqltune, aged: People
) -> None:
    sqltune_on.well("gc", "--remove", **DAYS)
    forgotten = aged.rows("SELECT DISTINCT forgotten_count FROM report_adapter_versions")
    assert forgotten == [(0,)]
    done = sqltune_on.well("export", "office", "--version", "2")
    assert [json.loads(line)["prompt"] for line in done.out.splitlines()] == [QUESTION]
    assert "1 samples of this version were forgotten or expired, and are left out" in done.err
    aged.insert("runs", adapter_name="office", manifest_id=2)
    assert "manifest 2 has 1 samples whose texts expired" in (sqltune_on("sync").err)


def test_a_text_that_is_selected_again_after_it_expired_is_trained_as_it_is(
    sqltune_on: Sqltune, aged: People
) -> None:
    sqltune_on.well("gc", "--remove", **DAYS)
    aged.do("UPDATE training_samples SET response = 'We open at eight.' WHERE sample_id = 2")
    sqltune_on.well("sync")
    rows = aged.rows(
        "SELECT response FROM report_lineage WHERE version_number = 4 ORDER BY position"
    )
    assert rows == [(ANSWER,), ("We open at eight.",)]


def test_what_a_version_with_an_alias_needs_is_kept_however_old_it_is(
    sqltune_on: Sqltune, aged: People
) -> None:
    sqltune_on.well("promote", "office", "2")
    sqltune_on.well("gc", "--remove", **DAYS)
    assert "[expired]" not in [prompt for _, prompt in aged.rows(TEXTS)]
    assert (2, 0) in aged.rows(ANSWERS)


def test_questions_of_long_ago_lose_their_texts_unless_their_correction_may_be_trained(
    sqltune_on: Sqltune, office_on: People
) -> None:
    old = "2020-01-01 00:00:00.000000"
    for number in range(1, 5):
        office_on.insert("questions", question_id=number, adapter_name="office", prompt=QUESTION)
    sqltune_on.well("sync")
    office_on.do("UPDATE questions SET answered_at = :old WHERE question_id < 4", old=old)
    office_on.do("UPDATE questions SET state = 'waiting' WHERE question_id = 3")
    office_on.insert("feedback", question_id=1, rating=1)
    office_on.insert("feedback", question_id=2, correction="In Delft.")
    done = sqltune_on.well("gc", **DAYS)
    assert "0 answers, 1 questions and 0 texts of samples (--remove does)" in done.err
    sqltune_on.well("gc", "--remove", **DAYS)
    rows = office_on.rows(
        "SELECT prompt, answer, output_tokens, error_code FROM questions ORDER BY question_id"
    )
    assert rows == [("[expired]", None, 7, "expired"), *[(QUESTION, ANSWER, 7, None)] * 3]
    assert "older than" not in sqltune_on.well("gc", "--remove", **DAYS).err
