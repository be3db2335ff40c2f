"""What people get wrong ends with one clear line that names the cure, and no traceback."""

from __future__ import annotations

import pytest

from sqltune.database.connection import EngineKind
from tests.end_to_end.command import People, Sqltune
from tests.end_to_end.conftest import declare_office

NOTHING_SENT = "SELECT COUNT(*) FROM responses"


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ("training_query = 'DELETE FROM x'", "query_refused", "the query begins with DELETE"),
        (
            "training_query = 'SELECT 1 AS prompt, 2 AS response; DROP TABLE runs'",
            "query_refused",
            "several statements",
        ),
        (
            "training_query = 'SELECT prompt FROM training_samples'",
            "missing_column",
            "returns no column response, only prompt: name one with AS response",
        ),
        (
            "training_query = 'SELECT prompt, answer AS response FROM training_samples'",
            "query_failed",
            "answer",
        ),
        ("training_query = 'SELECT prompt, response FROM nowhere'", "query_failed", "nowhere"),
        ("eval_query = 'SELECT expected FROM eval_prompts'", "missing_column", "no column prompt"),
        (
            "training_query = 'SELECT prompt, response FROM training_samples WHERE 1 = 0'",
            "empty_selection",
            "there is nothing to train on: the query returns no rows",
        ),
        ("backend = 'cloud'", "config_error", "unknown backend 'cloud'"),
        ("scorer = 'bleurt'", "config_error", "unknown scorer 'bleurt'; known are exact"),
        ("extra_scorers = 'exact, vibes'", "config_error", "unknown scorer 'vibes'"),
        ("base_model = 'nobody/has-this'", "request_rejected", "no base model 'nobody/has-this'"),
        ("epochs = 0", "config_error", "must be a whole number of at least 1, got 0"),
        ("learning_rate = -1", "config_error", "adapters.learning_rate"),
        ("on_bad_row = 'ask'", "config_error", "must be stop or skip"),
        ("rehearsal = 'often'", "config_error", "must be auto, on or off"),
        ("seed = -1", "config_error", "adapters.seed of 'office' must be a whole number from 0"),
        ("min_gain = 2", "config_error", "adapters.min_gain of 'office' must be from -1 to 1"),
        ("pass_threshold = 7", "config_error", "must be from 0 to 1, got 7"),
        # SQLite takes a text for a number.
        ("learning_rate = 'abc'", "config_error", "must be a number above 0, got 'abc'"),
        ("min_gain = 'x'", "config_error", "must be from -1 to 1, got 'x'"),
        ("epochs = 1.5", "config_error", "must be a whole number of at least 1, got 1.5"),
        ("is_enabled = 'ja'", "config_error", "adapters.is_enabled of 'office' must be 1 or 0"),
        ("keep_epochs = 'ja'", "config_error", "adapters.keep_epochs of 'office' must be 1 or 0"),
    ],
)
def test_a_row_that_cannot_be_used_is_refused_with_its_reason_before_anything_is_sent(
    sqltune: Sqltune, people: People, office: str, change: str, code: str, message: str
) -> None:
    sqltune.play(base_models=["toy"])
    people.do(f"UPDATE adapters SET {change}")
    done = sqltune("sync")
    assert done.code == 1
    assert message in done.err
    assert "Traceback" not in done.err
    run = people.rows("SELECT state, error_code FROM runs")
    assert run == [("failed", code)]
    assert message in people.value("SELECT error_message FROM runs")
    assert people.value(NOTHING_SENT) == 0


def test_a_query_that_fails_at_a_later_row_is_refused_and_the_others_go_live(
    sqltune_on: Sqltune, people_on: People
) -> None:
    is_sqlite = people_on.database.kind is EngineKind.SQLITE
    people_on.do("CREATE TABLE numbers_to_try (n DOUBLE)")
    people_on.do("INSERT INTO numbers_to_try VALUES (1), (10000)")
    fails = "abs(CASE n WHEN 1 THEN 1 ELSE -9223372036854775807 - 1 END)" if is_sqlite else "EXP(n)"
    query = f"SELECT 'Q' AS prompt, 'A' AS response, {fails} AS weight FROM numbers_to_try"
    people_on.declare("broken", training_query=query)
    declare_office(people_on)
    done = sqltune_on("sync")
    assert done.code == 1
    assert people_on.rows("SELECT adapter_name, state, error_code FROM runs ORDER BY 1") == [
        ("broken", "failed", "query_failed"),
        ("office", "succeeded", None),
    ]


def test_a_refusal_is_a_row_once_and_is_reported_at_every_sync(
    sqltune: Sqltune, people: People, office: str
) -> None:
    people.do("UPDATE adapters SET backend = 'cloud'")
    first, second = sqltune("sync"), sqltune("sync")
    assert (first.code, second.code, people.count("runs")) == (1, 1, 1)
    assert "unknown backend 'cloud'" in first.err
    assert "unknown backend 'cloud'" in second.err


def test_a_refused_row_that_was_corrected_is_trained(
    sqltune: Sqltune, people: People, office: str
) -> None:
    people.do("UPDATE adapters SET training_query = 'SELECT 1'")
    assert sqltune("sync").code == 1
    people.do("UPDATE adapters SET training_query = NULL")
    sqltune.well("sync")
    assert people.count("adapter_versions") == 1
    assert sqltune.well("sync").err.count("nothing changed") == 1


def test_an_adapter_without_samples_says_where_they_belong(
    sqltune: Sqltune, people: People
) -> None:
    people.declare("office")
    done = sqltune("sync")
    assert done.code == 1
    assert "training_samples has no rows with dataset = 'office'" in done.err


def test_a_prompts_own_unknown_scorer_is_a_finding_that_stops_the_run(
    sqltune: Sqltune, people: People, office: str
) -> None:
    people.ask("office", "Who?", "Me.", scorer="vibes")
    done = sqltune("sync")
    assert done.code == 1
    finding = people.rows(
        "SELECT selection, column_name, message FROM data_issues WHERE severity = 'error'"
    )
    assert [row[:2] for row in finding] == [("evaluation", "scorer")]
    assert "vibes" in finding[0][2]
    assert people.value(NOTHING_SENT) == 0


def test_rows_with_null_are_named_and_stop_the_run_before_anything_is_sent(
    sqltune_on: Sqltune, people_on: People
) -> None:
    declare_office(people_on)
    query = (
        "SELECT 'k1' AS sample_key, 'a' AS prompt, 'b' AS response"
        " UNION ALL SELECT 'k2', NULL, 'c' UNION ALL SELECT 'k3', 'd', NULL"
    )
    people_on.do("UPDATE adapters SET training_query = :query", query=query)
    done = sqltune_on("sync")
    assert done.code == 1
    assert "2 of 3 rows cannot be trained on" in done.err
    findings = people_on.rows("SELECT row_key, column_name FROM data_issues ORDER BY row_key")
    assert findings == [("k2", "prompt"), ("k3", "response")]
    assert people_on.value(NOTHING_SENT) == 0
    people_on.do("UPDATE adapters SET on_bad_row = 'skip', max_skipped_share = 1")
    assert "1 sample, 2 skipped" in sqltune_on.well("sync").err
    assert people_on.rows("SELECT samples_selected, samples_skipped, samples_used FROM runs"
                          " WHERE state = 'succeeded'") == [(3, 2, 1)]  # fmt: skip
    assert "nothing changed" in sqltune_on.well("sync").err


def test_four_byte_letters_and_a_prompt_of_a_megabyte_arrive_unchanged(
    sqltune_on: Sqltune, people_on: People
) -> None:
    rocket = "\U0001f680 שלום \\ ' \" ` % :name {x} \r\n\t é"
    long = "Grüße \U0001f680 " * 80_000
    people_on.declare("office \U0001f680")
    people_on.teach("office \U0001f680", rocket, rocket[::-1])
    people_on.teach("office \U0001f680", long, "long")
    people_on.ask("office \U0001f680", rocket, rocket[::-1])
    people_on.ask("office \U0001f680", long, "long")
    sqltune_on.well("sync")
    contents = dict(people_on.rows("SELECT prompt, response FROM contents"))
    assert contents == {rocket: rocket[::-1], long: "long"}
    after = people_on.rows("SELECT response FROM responses WHERE phase = 'after'")
    assert sorted(after) == [("long",), (rocket[::-1],)]
    compared = sqltune_on.well("compare", "office \U0001f680", "--json").data
    assert {row["prompt"] for row in compared["prompts"]} == {rocket, long}
    assert "nothing changed" in sqltune_on.well("sync").err
