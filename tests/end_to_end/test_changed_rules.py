"""Rules for bad rows that change after a run succeeded: a plan knows what they make of its rows."""

from __future__ import annotations

import pytest

from tests.end_to_end.command import People, Sqltune
from tests.end_to_end.conftest import declare_office

MAIL = "Write to jane@acme.com."


def train_with_a_bad_row(sqltune: Sqltune, people: People) -> None:
    """Train an adapter that leaves one row of four out."""
    declare_office(people)
    people.teach("office", "Open?", "Until six.")
    people.teach("office", "Closed?", "On Sundays.")
    people.teach("office", "Lost?", " ")
    people.do("UPDATE adapters SET on_bad_row = 'skip', max_skipped_share = 0.25")
    sqltune.well("sync")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("on_bad_row = 'stop'", "on_bad_row skip -> stop: rows that the last run found"),
        ("max_skipped_share = 0.2", "max_skipped_share 0.25 -> 0.2: rows that"),
    ],
)
def test_stricter_rules_are_seen_by_the_plan_and_the_sync(
    sqltune_on: Sqltune, people_on: People, change: str, words: str
) -> None:
    train_with_a_bad_row(sqltune_on, people_on)
    people_on.do(f"UPDATE adapters SET {change}")
    planned = sqltune_on("plan")
    assert planned.code == 2
    assert words in planned.out
    assert "a sync would fail: 1 of 4 rows cannot be trained on" in planned.out
    assert sqltune_on("sync").code == 1
    assert sqltune_on("plan", "--json").data[0]["decision"] == "blocked"
    people_on.do("DELETE FROM training_samples WHERE response = ' '")
    sqltune_on.well("sync")


@pytest.mark.parametrize("change", ["max_skipped_share = 0.5", "on_personal_data = 'refuse'"])
def test_rules_that_change_nothing_about_the_rows_begin_no_run(
    sqltune: Sqltune, people: People, change: str
) -> None:
    train_with_a_bad_row(sqltune, people)
    people.do(f"UPDATE adapters SET {change}")
    assert sqltune.well("plan", "--json").data[0]["decision"] == "up_to_date"


def test_personal_data_that_is_refused_from_now_on_is_trained_out(
    sqltune: Sqltune, people: People
) -> None:
    declare_office(people)
    people.teach("office", "Whom do I write to?", MAIL)
    sqltune.well("sync")
    people.do("UPDATE adapters SET on_personal_data = 'refuse', min_new_samples = 100")
    assert "1 of 2 rows cannot be trained on" in sqltune("plan").out
    people.do("UPDATE adapters SET on_bad_row = 'skip', max_skipped_share = 0.5")
    planned = sqltune.well("plan")
    assert "train, on_bad_row stop -> skip; max_skipped_share " in planned.out
    assert "on_personal_data report -> refuse: rows that the last run found" in planned.out
    sqltune.well("sync")
    assert people.rows("SELECT version_number, sample_count FROM adapter_versions") == [
        (1, 2),
        (2, 1),
    ]
    assert sqltune.well("plan", "--json").data[0]["decision"] == "up_to_date"
    people.do("UPDATE adapters SET on_personal_data = 'report'")
    assert sqltune.well("plan", "--json").data[0]["decision"] == "train"


def test_prompts_with_personal_data_are_left_out_by_another_evaluation(
    sqltune: Sqltune, people: People
) -> None:
    declare_office(people)
    people.ask("office", "Whom do I write to?", MAIL)
    people.do("UPDATE adapters SET on_bad_row = 'skip', max_skipped_share = 0.5")
    sqltune.well("sync")
    people.do("UPDATE adapters SET on_personal_data = 'refuse'")
    assert sqltune.well("plan", "--json").data[0]["decision"] == "evaluate"
    sqltune.well("sync")
    assert people.value("SELECT prompts_selected FROM runs WHERE run_id = 2") == 1
    assert people.count("adapter_versions") == 1
    assert sqltune.well("plan", "--json").data[0]["decision"] == "up_to_date"
