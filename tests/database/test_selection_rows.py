from __future__ import annotations

import pytest

from sqltune.database.connection import Database
from sqltune.errors import DataError
from sqltune.selection import read_samples
from tests.database.selecting import Desk, open_desk

ENDLESS = (
    "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 900) "
    "SELECT 'p' AS prompt, 'r' AS response FROM n AS a, n AS b, n AS c, n AS d "
    "WHERE a.i + b.i + c.i + d.i < 0"
)
GOOD = {"prompt": "p", "response": "r"}


@pytest.fixture
def desk(database: Database) -> Desk:
    return open_desk(database)


@pytest.mark.parametrize(
    ("values", "rule", "column"),
    [
        ("NULL AS prompt, 'r' AS response", "missing", "prompt"),
        ("'p' AS prompt, NULL AS response", "missing", "response"),
        ("'' AS prompt, 'r' AS response", "empty", "prompt"),
        ("'p' AS prompt, ' \t ' AS response", "empty", "response"),
        ("7 AS prompt, 'r' AS response", "not_text", "prompt"),
        ("'p' AS prompt, 1.5 AS response", "not_text", "response"),
        ("'p' AS prompt, 'r' AS response, 3 AS system_prompt", "not_text", "system_prompt"),
        ("'p' AS prompt, 'r' AS response, 0 AS weight", "bad_weight", "weight"),
        ("'p' AS prompt, 'r' AS response, -1.5 AS weight", "bad_weight", "weight"),
        ("'p' AS prompt, 'r' AS response, 'much' AS weight", "bad_weight", "weight"),
        ("'p' AS prompt, 'r' AS response, 1.5 AS sample_key", "not_text", "sample_key"),
        ("'p' AS prompt, 'r' AS response, NULL AS sample_key", "missing", "sample_key"),
        ("'p' AS prompt, 'r' AS response, 'k ' AS sample_key", "key_padded", "sample_key"),
        ("x'70ff' AS prompt, 'r' AS response", "not_text", "prompt"),
        ("x'eda080' AS prompt, 'r' AS response", "not_text", "prompt"),
        ("'p' AS prompt, x'7000' AS response", "not_text", "response"),
    ],
)
def test_each_kind_of_bad_row_is_named_and_stops_the_run(
    desk: Desk, values: str, rule: str, column: str
) -> None:
    with pytest.raises(DataError, match=f"1 of 1 rows cannot be trained on .1 {rule}; first: "):
        desk.write(training_query=f"SELECT {values}")
    ((found_rule, _, found_column, severity),) = desk.issues()
    assert (found_rule, found_column, severity) == (rule, column, "error")
    assert desk.issue_counts() == {rule: 1}
    assert desk.rows("SELECT COUNT(*) FROM manifest_samples") == [(0,)]
    assert desk.rows("SELECT COUNT(*) FROM manifests") == [(0,)]


def test_numbers_are_accepted_as_keys_groups_and_weights(desk: Desk) -> None:
    query = "SELECT 7 AS sample_key, 'p' AS prompt, 'r' AS response, 2 AS weight, 9 AS group_key"
    desk.write(training_query=query)
    (sample,) = read_samples(desk.database, 1)
    assert (sample.sample_key, sample.weight, sample.group_key) == ("7", 2.0, "9")


def test_a_decimal_weight_is_the_number_that_it_shows(desk: Desk) -> None:
    query = "SELECT 'p' AS prompt, 'r' AS response, CAST(2.25 AS DECIMAL(10, 2)) AS weight"
    desk.write(training_query=query)
    assert [sample.weight for sample in read_samples(desk.database, 1)] == [2.25]


def test_bad_rows_are_left_out_named_and_counted_where_the_adapter_says_skip(desk: Desk) -> None:
    desk.add_samples([{"prompt": f"p{n}", "response": f"r{n}"} for n in range(98)])
    desk.add_samples([{"prompt": "", "response": "r"}, {"prompt": "p", "response": " "}])
    with pytest.raises(DataError, match=r"more than max_skipped_share = 0\.01"):
        desk.write(1, on_bad_row="skip")
    manifest = desk.write(2, on_bad_row="skip", max_skipped_share=0.02)
    assert (manifest.selected, manifest.skipped, manifest.sample_count) == (100, 2, 98)
    assert desk.fingerprint().text == manifest.fingerprint
    assert desk.manifest_fingerprint(2) != manifest.fingerprint


def test_the_first_thousand_findings_of_a_rule_are_named_and_all_are_counted(desk: Desk) -> None:
    desk.add_samples([{"prompt": "", "response": "r"} for _ in range(1100)])
    with pytest.raises(DataError, match=r"1,100 of 1,100 rows.*lists the first 1,000 of each rule"):
        desk.write()
    assert desk.issue_counts() == {"empty": 1100}
    assert desk.rows("SELECT COUNT(*) FROM data_issues") == [(1000,)]


def test_findings_of_an_earlier_attempt_are_replaced(desk: Desk) -> None:
    desk.add_sample("", "r")
    for _attempt in range(2):
        with pytest.raises(DataError):
            desk.write()
    assert desk.issue_counts() == {"empty": 1}
    desk.run("UPDATE training_samples SET prompt = 'p'")
    desk.write()
    assert desk.issues() == []


def test_a_key_given_twice_is_an_error_also_far_apart(desk: Desk) -> None:
    _make_tickets(desk, [(f"k{n % 500}", f"p{n}") for n in range(501)])
    query = "SELECT ticket AS sample_key, prompt, 'r' AS response FROM tickets"
    with pytest.raises(DataError, match="1 duplicate_key; first: k0"):
        desk.write(1, training_query=query)
    manifest = desk.write(2, training_query=query, on_bad_row="skip")
    assert (manifest.sample_count, manifest.skipped) == (500, 1)
    samples = read_samples(desk.database, 2)
    assert len({s.sample_key for s in samples}) == 500
    assert desk.manifest_fingerprint(2).startswith("500-")
    assert desk.write(3, training_query=f"{query} WHERE prompt <> 'p500'").manifest_id == 2


def test_many_repeated_keys_leave_positions_without_a_gap(desk: Desk) -> None:
    _make_tickets(desk, [(f"k{n // 3}", f"p{n}") for n in range(300)])
    query = "SELECT ticket AS sample_key, prompt, 'r' AS response FROM tickets"
    manifest = desk.write(training_query=query, on_bad_row="skip", max_skipped_share=1.0)
    assert (manifest.sample_count, manifest.skipped) == (100, 200)
    samples = list(read_samples(desk.database, 1))
    assert sorted(s.sample_key for s in samples) == sorted(f"k{n}" for n in range(100))


def test_the_same_texts_twice_are_trained_on_twice_with_a_warning(desk: Desk) -> None:
    desk.add_samples([GOOD, {"prompt": "q", "response": "s"}, GOOD])
    manifest = desk.write()
    assert manifest.sample_count == 3
    ((rule, _, column, severity),) = desk.issues()
    assert (rule, column, severity) == ("duplicate_content", None, "warning")


def test_rows_without_a_key_are_named_by_their_content(desk: Desk) -> None:
    query = "SELECT 'p' AS prompt, 'r' AS response UNION ALL SELECT 'p', 'r'"
    desk.write(training_query=query)
    first, second = read_samples(desk.database, 1)
    assert first.sample_key == second.sample_key
    assert desk.rows("SELECT DISTINCT content_hash FROM manifest_samples") == [(first.sample_key,)]
    assert desk.issue_counts() == {"duplicate_content": 1}
    assert desk.rows("SELECT message FROM data_issues") == [
        ("the texts are the same as those of an earlier row: both are trained on",)
    ]


def test_a_row_that_is_returned_twice_or_changed_has_a_repeated_key_and_no_warning_of_itself(
    desk: Desk,
) -> None:
    _make_tickets(desk, [("k1", "Where is the office?"), ("k2", "When?"), ("k1", "Where is it?")])
    row = "SELECT ticket AS sample_key, prompt, prompt AS response FROM tickets"
    changed = "SELECT ticket, prompt, 'Elsewhere.' FROM tickets WHERE ticket = 'k2'"
    desk.write(
        training_query=f"{row} UNION ALL {row} UNION ALL {changed}",
        on_bad_row="skip",
        max_skipped_share=1.0,
        near_duplicate_at=0.3,
    )
    assert desk.issue_counts() == {"duplicate_key": 5}


def test_a_sample_too_long_for_the_base_model_is_named_with_its_tokens(desk: Desk) -> None:
    desk.add_samples([GOOD, {"prompt": "word " * 50, "response": "r"}])

    def too_long(text: str) -> int | None:
        return len(text.split()) if len(text.split()) > 40 else None

    with pytest.raises(DataError, match="51 tokens"):
        desk.write(too_long=too_long)
    assert desk.issue_counts() == {"too_long": 1}


def test_the_error_of_an_empty_selection_names_what_was_searched(desk: Desk) -> None:
    with pytest.raises(DataError, match="training_samples has no rows with dataset = 'helpdesk'"):
        desk.write()
    with pytest.raises(DataError, match="the query returns no rows"):
        desk.write(training_query="SELECT prompt, response FROM training_samples")
    desk.add_sample("p", "r", split="test")
    with pytest.raises(DataError, match="1 have a split other than 'train'"):
        desk.write()


def test_one_row_is_enough(desk: Desk) -> None:
    desk.add_sample("p", "r")
    assert desk.write().sample_count == 1


def test_null_in_every_optional_column_is_the_default(desk: Desk) -> None:
    query = (
        "SELECT 'p' AS prompt, 'r' AS response, NULL AS system_prompt, NULL AS weight, "
        "NULL AS group_key, NULL AS split"
    )
    desk.write(1, training_query=query)
    (sample,) = read_samples(desk.database, 1)
    assert (sample.system_prompt, sample.weight, sample.group_key) == (None, 1.0, None)
    # The same content, whether the columns are NULL or do not exist.
    without = desk.write(2, training_query="SELECT 'p' AS prompt, 'r' AS response")
    assert without.manifest_id == 1


def test_columns_are_found_by_name_in_any_order_and_case_and_others_may_be_there(
    desk: Desk,
) -> None:
    query = "SELECT 1 AS extra, 'r' AS Response, 'g' AS GROUP_KEY, 'p' AS PROMPT, NULL AS more"
    desk.write(training_query=query)
    (sample,) = read_samples(desk.database, 1)
    assert (sample.prompt, sample.response, sample.group_key) == ("p", "r", "g")


def test_a_missing_column_is_named_with_those_that_are_there(desk: Desk) -> None:
    with pytest.raises(DataError, match="no column response, only prompt, answer") as caught:
        desk.write(training_query="SELECT 'p' AS prompt, 'r' AS answer")
    assert caught.value.code == "missing_column"
    with pytest.raises(DataError, match="2 columns named prompt"):
        desk.write(training_query="SELECT 'p' AS prompt, 'q' AS prompt, 'r' AS response")


def _make_tickets(desk: Desk, rows: list[tuple[str, str]]) -> None:
    desk.add_samples([{"prompt": f"{key}|{text}", "response": "r"} for key, text in rows])
    desk.run(
        "CREATE VIEW tickets AS SELECT SUBSTR(prompt, 1, INSTR(prompt, '|') - 1) AS ticket, "
        "SUBSTR(prompt, INSTR(prompt, '|') + 1) AS prompt, sample_id FROM training_samples"
    )
