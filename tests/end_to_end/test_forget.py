"""What `sqltune forget` removes: no byte of a sample is left, and it is never trained again."""

from __future__ import annotations

import pytest

from tests.end_to_end.command import People, Sqltune
from tests.end_to_end.conftest import ANSWER, QUESTION, declare_office
from tests.end_to_end.forgetting import (
    FORGET,
    QUOTING,
    SECRET_ANSWER,
    SECRET_QUESTION,
    ask_it,
    count_answers,
    holding,
    inform,
    quote_it,
    remove_source,
)


@pytest.fixture
def informed(sqltune_on: Sqltune, people_on: People) -> People:
    """An office that learnt a personal row."""
    inform(sqltune_on, people_on)
    return people_on


def test_no_byte_of_a_forgotten_row_is_left_once_its_versions_are_retired(
    sqltune_on: Sqltune, informed: People
) -> None:
    quote_it(informed)
    ask_it(informed)
    quoting = {column.split(".")[0] for column in QUOTING}
    tables = {"contents", "row_checks", "webhook_calls", "alias_changes", "questions", "feedback"}
    assert tables | quoting <= set(holding(sqltune_on, informed))
    remove_source(informed)
    sqltune_on.well(*FORGET, "--yes")
    assert holding(sqltune_on, informed) == ["artifacts"]
    assert "training" in sqltune_on.well("sync").err
    sqltune_on.well("retire", "office", "1")
    sqltune_on.well("retire", "office", "2")
    assert holding(sqltune_on, informed) == []


def test_what_was_asked_about_a_forgotten_row_is_gone_and_what_was_not_is_kept(
    sqltune_on: Sqltune, informed: People
) -> None:
    ask_it(informed)
    sqltune_on.well(*FORGET, "--yes")
    assert informed.rows(
        "SELECT state, prompt, answer, error_code FROM questions ORDER BY question_id"
    ) == [
        ("failed", "[forgotten]", None, "forgotten"),
        ("failed", "Tell me about cards", None, "forgotten"),
        ("failed", "Who?", None, None),
        ("failed", "[forgotten]", None, "forgotten"),
        ("failed", "[forgotten]", None, "forgotten"),
        ("answered", "What?", "That.", None),
    ]
    corrections = informed.rows(
        "SELECT question_id, prompt_key, correction FROM feedback ORDER BY feedback_id"
    )
    assert corrections == [
        (1, None, None),
        (6, None, None),
        (6, None, "Those."),
        (None, "2", None),
        (None, "3", "In mine."),
    ]
    predicted = informed.rows("SELECT row_key, answer, error_code FROM predictions ORDER BY 1")
    assert predicted == [
        ("about others", "In other words.", None),
        ("asked", None, "forgotten"),
        ("asked with another system", "In other words.", None),
    ]


def test_the_certificate_counts_each_answer_that_is_removed_once(
    sqltune_on: Sqltune, informed: People
) -> None:
    ask_it(informed)
    before = count_answers(informed)
    sqltune_on.well(*FORGET, "--yes")
    removed = informed.value("SELECT answers_removed FROM erasures")
    assert removed == before - count_answers(informed) > 0


def test_a_query_that_quotes_a_forgotten_text_is_named_and_what_runs_recorded_of_it_is_removed(
    sqltune_on: Sqltune, people_on: People
) -> None:
    people, text = people_on, "It's Ms Okafor's card that was declined."
    declare_office(people)
    people.teach("office", SECRET_QUESTION, text)
    query = "SELECT sample_id AS sample_key, prompt, response FROM training_samples"
    quoted = text.replace("'", "''")
    people.do(
        "UPDATE adapters SET training_query = :query",
        query=f"{query} WHERE response = '{quoted}' OR sample_id = 1",
    )
    sqltune_on.well("sync")
    recorded = people.value("SELECT settings FROM runs")
    assert quoted in recorded
    plan = sqltune_on.well(*FORGET, "--json").data
    assert plan["queries that quote it, for you to rewrite"] == ["office.training_query"]
    done = sqltune_on.well(*FORGET, "--yes")
    assert "adapters: office.training_query still quotes it: rewrite it" in done.err
    assert people.value("SELECT queries_left FROM report_erasures") == "office.training_query"
    assert people.value("SELECT settings FROM runs") == recorded.replace(quoted, "[forgotten]")


def test_the_next_sync_trains_without_it_while_the_source_row_is_there(
    sqltune_on: Sqltune, informed: People
) -> None:
    informed.do("UPDATE adapters SET min_new_samples = 100")
    sqltune_on.well(*FORGET, "--yes")
    sqltune_on.well("sync")
    seen = informed.rows(
        "SELECT version_number, sample_key, prompt FROM report_lineage WHERE version_number = 3"
        " ORDER BY position"
    )
    assert seen == [(3, "1", QUESTION), (3, "3", "When are you open?")]
    findings = informed.rows("SELECT rule, row_key FROM data_issues WHERE run_id = 3")
    assert ("forgotten", "2") in findings
    texts = [row for name, rows in informed.dump().items() for row in rows]
    inputs = informed.rows("SELECT * FROM training_samples") + informed.rows(
        "SELECT * FROM eval_prompts"
    )
    assert not [row for row in texts if SECRET_ANSWER in repr(row) and row not in inputs]
    assert "up to date" in sqltune_on.well("sync").err
    # An edit of the row, and the same text in another row, change nothing.
    informed.do("UPDATE training_samples SET response = 'Another text.' WHERE sample_id = 2")
    informed.teach("office", SECRET_QUESTION, SECRET_ANSWER, weight=2.0)
    assert "up to date" in sqltune_on.well("sync").err


def test_versions_that_saw_it_are_marked_and_the_certificate_says_what_is_kept(
    sqltune_on: Sqltune, informed: People
) -> None:
    sqltune_on.well(*FORGET, "--yes")
    rows = informed.rows(
        "SELECT version_number, samples_seen, weights_kept, state, samples_removed,"
        " prompts_removed, answers_removed > 3 FROM report_erasures ORDER BY version_number"
    )
    assert rows == [(1, 1, 1, "done", 1, 1, 1), (2, 1, 1, "done", 1, 1, 1)]
    marked = informed.rows(
        "SELECT version_number, forgotten_count FROM report_adapter_versions ORDER BY 1"
    )
    assert marked == [(1, 1), (2, 1)]
    lineage = informed.rows(
        "SELECT version_number, prompt, response FROM report_lineage WHERE sample_key = '2'"
        " ORDER BY version_number"
    )
    assert lineage == [(n, "[forgotten]", "[forgotten]") for n in (1, 2)]
    sqltune_on.well("sync")
    sqltune_on.well("retire", "office", "1")
    kept = informed.rows("SELECT version_number, weights_kept FROM report_erasures ORDER BY 1")
    assert kept == [(1, 0), (2, 1)]
    informed.insert("runs", adapter_name="office", manifest_id=1)
    assert "1 forgotten samples, so nothing is trained on it again" in sqltune_on("sync").err
    assert "all of it was forgotten before" in sqltune_on.well(*FORGET, "--yes").err


def test_what_other_rows_share_stays_and_what_they_quote_is_named(
    sqltune: Sqltune, people: People
) -> None:
    declare_office(people)
    people.teach("office", QUESTION, "You find our office in Nairobi.")
    people.teach("office", "A longer one", f"They said: {ANSWER}")
    sqltune.well("sync")
    plan = sqltune.well("forget", "office", "--sample", "1", "--json").data
    assert plan["other rows that hold the text"] == ["office 3"]
    sqltune.well("forget", "office", "--sample", "1", "--yes")
    responses = people.rows("SELECT response FROM report_lineage ORDER BY position")
    assert responses == [
        ("[forgotten]",),
        ("You find our office in Nairobi.",),
        (f"They said: {ANSWER}",),
    ]


def test_what_a_failed_training_left_on_disk_is_removed_too(
    sqltune: Sqltune, people: People
) -> None:
    declare_office(people)
    people.teach("office", SECRET_QUESTION, SECRET_ANSWER)
    sqltune.play(faults=[{"at": "step", "number": 3, "code": "loss_not_finite"}])
    people.do("UPDATE adapters SET epochs = 3")
    assert sqltune("sync").code == 1
    assert "artifacts" in holding(sqltune, people)
    remove_source(people)
    sqltune.well(*FORGET, "--yes")
    assert holding(sqltune, people) == []
    assert people.value("SELECT files_removed FROM report_erasures") == 1


def test_bytes_that_are_no_text_are_searched_too(sqltune: Sqltune, people: People) -> None:
    declare_office(people)
    people.teach("office", SECRET_QUESTION, SECRET_ANSWER)
    sqltune.well("sync")
    value = (SECRET_ANSWER.encode() + b"\xff").hex()
    for number, stored in enumerate((f"X'{value}'", f"CAST(X'{value}' AS TEXT)"), 1):
        people.do(
            "INSERT INTO questions (question_id, adapter_name, state, prompt, error_message)"
            f" VALUES ({number}, 'office', 'failed', {stored}, NULL),"
            f" ({number + 2}, 'office', 'failed', 'What?', {stored})"
        )
        people.do(f"INSERT INTO feedback (question_id, correction) VALUES (5, {stored})")
    remove_source(people)
    sqltune.well(*FORGET, "--yes")
    asked = "SELECT prompt FROM questions ORDER BY question_id"
    assert people.rows(asked) == [("[forgotten]",)] * 2 + [("What?",)] * 2
    said = "SELECT error_message FROM questions WHERE prompt = 'What?'"
    assert people.rows(said) == [("[forgotten]\ufffd",)] * 2
    assert people.rows("SELECT correction FROM feedback") == [(None,), (None,)]
