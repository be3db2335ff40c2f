"""What users of other fine-tuning systems complain of must not happen here: promises, kept.

What concerns one part alone (streaming, guard, scorers, views) stands in that part's tests.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.end_to_end.command import People, Sqltune
from tests.end_to_end.conftest import declare_office


def test_more_columns_than_are_used_do_not_fail_a_run(
    sqltune: Sqltune, people: People, office: str
) -> None:
    people.do(
        "UPDATE adapters SET training_query = 'SELECT s.*, 7 AS price FROM training_samples s'"
    )
    sqltune.well("sync")
    assert people.count("adapter_versions") == 1


def test_texts_that_cannot_be_decoded_name_the_row_and_are_never_repaired(
    sqltune: Sqltune, people: People, office: str, tmp_path: Path
) -> None:
    connection = sqlite3.connect(tmp_path / "sqltune.db")
    with connection:
        connection.execute(
            "INSERT INTO training_samples (sample_id, dataset, prompt, response)"
            " VALUES (77, 'office', CAST(x'636166e9' AS TEXT), 'b')"
        )
    connection.close()
    done = sqltune("sync")
    assert done.code == 1
    assert "Traceback" not in done.err
    assert people.rows("SELECT row_key, column_name FROM data_issues") == [("77", "prompt")]


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_tiny_sets_train_without_a_validation_split_of_their_own(
    sqltune: Sqltune, people: People, rows: int
) -> None:
    people.declare("office", epochs=2)
    for number in range(rows):
        people.teach("office", f"q{number}", f"a{number}")
    sqltune.well("sync")
    version = people.rows("SELECT sample_count FROM adapter_versions")
    held_out = people.value("SELECT samples_held_out FROM runs")
    assert (version, held_out) == ([(rows,)], 0)
    assert people.count("run_prompts") == 0, "no sample is silently made an evaluation prompt"


def test_a_changed_row_is_seen_although_the_query_is_the_same(
    sqltune: Sqltune, people: People, office: str
) -> None:
    people.do(
        "UPDATE adapters SET training_query = 'SELECT prompt, response FROM training_samples'"
    )
    sqltune.well("sync")
    people.do("UPDATE training_samples SET response = 'new'")
    sqltune.well("sync")
    assert people.rows("SELECT response FROM responses WHERE phase = 'after' ORDER BY run_id")[
        1
    ] == ("new",)


def test_a_query_that_says_the_same_rows_in_other_words_trains_nothing(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    query = "SELECT response, prompt FROM training_samples WHERE dataset = 'office' -- ours"
    people.do("UPDATE adapters SET training_query = :query", query=query)
    assert "nothing changed" in sqltune.well("sync").err
    assert people.count("runs") == 1


def test_null_beside_numbers_does_not_turn_keys_into_fractions(
    sqltune_on: Sqltune, people_on: People
) -> None:
    people_on.declare(
        "office",
        training_query="SELECT 7 AS sample_key, 'a' AS prompt, 'b' AS response, 12 AS group_key"
        " UNION ALL SELECT 8, 'c', 'd', NULL",
    )
    sqltune_on.well("sync")
    keys = people_on.rows("SELECT sample_key FROM manifest_samples ORDER BY sample_key")
    assert keys == [("7",), ("8",)]
    assert sorted(people_on.rows("SELECT group_key FROM contents"), key=repr) == [("12",), (None,)]


def test_what_a_version_was_trained_on_stays_readable_after_the_rows_are_gone(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    before = sqltune.well("export", "office").out
    people.do("UPDATE training_samples SET response = 'changed'")
    people.do("DELETE FROM training_samples")
    assert sqltune.well("export", "office").out == before
    assert people.count("report_samples", "adapter_name = 'office'") == 1


@pytest.mark.parametrize(
    "query",
    [
        "SELECT question AS prompt, answer AS response FROM shop_tickets",
        "SELECT prompt, response FROM shop_view",
        "WITH t AS (SELECT question, answer FROM shop_tickets) "
        "SELECT question AS prompt, answer AS response FROM t",
        "SELECT a.question AS prompt, b.answer AS response FROM shop_tickets a "
        "JOIN shop_tickets b ON b.ticket = a.ticket",
        "SELECT question AS prompt, answer AS response FROM shop_tickets "
        "UNION ALL SELECT question, answer FROM shop_tickets WHERE 1 = 0",
    ],
)
def test_any_select_of_the_users_own_is_a_source(
    sqltune: Sqltune, people: People, query: str
) -> None:
    people.do("CREATE TABLE shop_tickets (ticket INTEGER, question TEXT, answer TEXT)")
    people.do(
        "CREATE VIEW shop_view AS SELECT question AS prompt, answer AS response FROM shop_tickets"
    )
    people.do("INSERT INTO shop_tickets VALUES (1, 'Where?', 'Here.'), (2, 'When?', 'Now.')")
    people.declare("shop", training_query=query)
    sqltune.well("sync")
    assert people.rows("SELECT sample_count FROM adapter_versions") == [(2,)]


def test_held_out_rows_are_never_trained_on(sqltune: Sqltune, people: People, office: str) -> None:
    people.teach("office", "secret?", "secret!", split="test")
    people.teach("office", "open?", "open!", split="train")
    sqltune.well("sync")
    assert people.rows("SELECT samples_selected, samples_held_out, samples_used FROM runs") == [
        (3, 1, 2)
    ]
    assert "secret!" not in sqltune.well("export", "office").out
    people.do("UPDATE training_samples SET response = 'edited' WHERE split = 'test'")
    assert "nothing changed" in sqltune.well("sync").err


def test_a_prompt_that_was_trained_on_is_reported_as_a_leak(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    finding = people.rows("SELECT selection, severity FROM data_issues")
    assert ("evaluation", "warning") in finding


def test_a_weight_repeats_no_row(sqltune: Sqltune, people: People, office: str) -> None:
    people.do("UPDATE training_samples SET weight = 5")
    sqltune.well("sync")
    assert people.value("SELECT sample_count FROM adapter_versions") == 1
    assert people.value("SELECT weight FROM contents WHERE weight IS NOT NULL") == 5


def test_all_answers_of_a_run_are_given_under_the_same_settings(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    people.do("UPDATE adapters SET max_new_tokens = 9")
    people.do("UPDATE training_samples SET response = 'Delft.'")
    sqltune.well("sync")
    keys = people.rows(
        "SELECT run_id, COUNT(DISTINCT decoding_key), COUNT(*) FROM responses"
        " GROUP BY run_id ORDER BY run_id"
    )
    assert [row[1:] for row in keys] == [(1, 2), (1, 3)]
    assert people.value("SELECT COUNT(DISTINCT decoding_key) FROM responses") == 2


def test_before_and_after_are_one_row_of_a_view_and_nobody_switches_adapters_by_hand(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    people.do("UPDATE training_samples SET response = 'Delft.'")
    sqltune.well("sync")
    row = people.rows(
        "SELECT response_before, response_after FROM report_before_after WHERE is_latest = 1"
    )
    assert row == [("Our office is in Utrecht.", "Delft.")]


def test_an_answer_exists_once_per_run_prompt_and_phase(
    sqltune: Sqltune, people: People, office: str
) -> None:
    sqltune.play(faults=[{"at": "answer", "number": 1, "code": "rate_limited"}])
    assert sqltune("sync").code == 3, "nothing goes live on errors"
    sqltune.play()
    sqltune.well("retry", "1", "--failed")
    answers = people.rows("SELECT prompt_key, phase, COUNT(*) FROM responses GROUP BY 1, 2")
    assert [count for _, _, count in answers] == [1, 1]
    assert people.count("scores") == 2


def test_two_prompts_of_the_same_words_are_two(sqltune: Sqltune, people: People) -> None:
    declare_office(people)
    people.ask("office", "Where is our office?", "In Utrecht.")
    sqltune.well("sync")
    assert people.count("report_before_after") == 2
