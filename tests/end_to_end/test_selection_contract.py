"""A query that loses a column which the last run used stops the run, unless it says it is meant."""

from __future__ import annotations

import pytest

from tests.end_to_end.command import People, Sqltune

NAMES = "sample_id AS sample_key, prompt, response"
WITHOUT_SPLIT = f"SELECT {NAMES} FROM training_samples"
WITH_SPLIT = f"SELECT {NAMES}, split FROM training_samples"
LAST_ERROR = "SELECT error_code, error_message FROM runs ORDER BY run_id DESC LIMIT 1"


@pytest.fixture
def split_office(people: People, sqltune: Sqltune) -> str:
    """An adapter with a live version whose query held one row out by its split."""
    people.declare("office", training_query=WITH_SPLIT)
    people.teach("office", "Where?", "In Utrecht.", split="train")
    people.teach("office", "When?", "At nine.", split="test")
    people.ask("office", "Where?", "In Utrecht.", category="places")
    sqltune.well("sync")
    return "office"


def select(people: People, query: str | None, column: str = "training_query") -> None:
    people.do(f"UPDATE adapters SET {column} = :query", query=query)


def test_a_split_that_is_gone_stops_the_run_with_both_cures_before_anything_is_trained(
    sqltune: Sqltune, people: People, split_office: str
) -> None:
    select(people, WITHOUT_SPLIT)
    expected = (
        "the training query no longer returns split, which run 1 used (rows that it held out would "
        "be trained): add it to the query again, or write NULL AS split there if that is meant"
    )
    assert expected.removeprefix("the ") in " ".join(
        sqltune("plan", "--json").data[0]["reason"].split()
    )
    assert sqltune("sync").code == 1
    assert people.rows(LAST_ERROR) == [("column_gone", expected)]
    assert sqltune("sync", "--force").code == 1
    assert people.count("adapter_versions") == 1


def test_the_column_given_again_ends_the_refusal(
    sqltune: Sqltune, people: People, split_office: str
) -> None:
    select(people, WITHOUT_SPLIT)
    assert sqltune("sync").code == 1
    select(people, WITH_SPLIT)
    assert "nothing changed" in sqltune.well("sync").err
    assert people.count("adapter_versions") == 1


def test_a_query_says_that_it_is_meant_and_is_then_the_contract(
    sqltune: Sqltune, people: People, split_office: str
) -> None:
    select(people, WITHOUT_SPLIT.replace("response", "response, NULL AS split"))
    sqltune.well("sync")
    select(people, WITHOUT_SPLIT)
    sqltune.well("sync")
    assert people.value("SELECT MAX(sample_count) FROM adapter_versions") == 2


def test_columns_without_an_effect_are_not_missed(sqltune: Sqltune, people: People) -> None:
    people.declare("office")
    people.teach("office", "Where?", "In Utrecht.", split="train")
    people.ask("office", "Where?", "In Utrecht.")
    sqltune.well("sync")
    # The dataset's own query returns all columns; none of them had a value that counts.
    select(people, WITHOUT_SPLIT)
    select(people, "SELECT prompt, expected FROM eval_prompts", "eval_query")
    sqltune.well("sync")


def test_a_run_that_failed_makes_no_contract(
    sqltune: Sqltune, people: People, split_office: str
) -> None:
    select(people, f"SELECT {NAMES}, split, -1 AS weight FROM training_samples")
    assert sqltune("sync").code == 1
    select(people, WITH_SPLIT)
    sqltune.well("sync")


def test_expected_texts_and_categories_that_are_gone_are_named_together(
    sqltune: Sqltune, people: People, split_office: str
) -> None:
    select(people, "SELECT prompt FROM eval_prompts", "eval_query")
    assert sqltune("sync").code == 1
    ((code, message),) = people.rows(LAST_ERROR)
    assert code == "column_gone"
    assert message == (
        "the evaluation query no longer returns expected and category, which run 1 used (answers "
        "would no longer be scored by it): add them to the query again, or write NULL AS expected, "
        "NULL AS category there if that is meant"
    )


def test_a_trial_is_refused_too(sqltune: Sqltune, people: People, split_office: str) -> None:
    select(people, WITHOUT_SPLIT)
    people.insert("runs", adapter_name="office", base_model="other")
    assert sqltune("sync").code == 1
    assert people.count("runs", "error_code = 'column_gone' AND is_trial = 1") == 1


def test_a_query_that_draws_at_random_is_refused_once_and_allowed_by_the_row(
    sqltune: Sqltune, people: People
) -> None:
    query = f"SELECT {NAMES} FROM training_samples ORDER BY RANDOM() LIMIT 20"
    people.declare("office", training_query=query)
    for number in range(40):
        people.teach("office", f"What is room {number}?", "A room.")
    assert "returns other rows each time" in sqltune("plan", "--json").data[0]["reason"]
    assert (sqltune("sync").code, sqltune("sync").code) == (1, 1)
    assert people.rows("SELECT state, error_code FROM runs") == [("failed", "unstable_query")]
    people.do("UPDATE adapters SET allow_unstable = 1")
    sqltune.well("sync")
    sqltune.well("sync")
    assert people.count("adapter_versions", "sample_count = 20") == 2
