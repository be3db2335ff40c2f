"""Scorers in SQL as a person meets them, and findings that repeat no secret."""

from __future__ import annotations

from tests.end_to_end.command import People, Sqltune

KEY = "AKIA" + "IOSFODNN7EXAMPLE"
BRIEF = """
    CREATE VIEW brief_scores AS
    SELECT run_id, phase, prompt_key, {score} AS score, 'brief enough' AS reason
      FROM responses
     WHERE error_code IS NULL
"""
SCORES = "SELECT score, reason FROM scores WHERE phase = 'after' AND scorer = 'sql:brief_scores'"


def test_a_view_scores_a_run_and_retry_reads_it_again_after_it_was_mended(
    sqltune_on: Sqltune, people_on: People
) -> None:
    people_on.declare("office", scorer="sql:brief_scores")
    people_on.teach("office", "Where is our office?", "In Utrecht.")
    people_on.ask("office", "Where is the office of ours?", "Utrecht")
    people_on.do(BRIEF.format(score="100"))
    sqltune_on("sync")
    assert people_on.rows(SCORES) == [(None, None)]
    ((message,),) = people_on.rows("SELECT DISTINCT error_message FROM scores")
    assert message == (
        "sql:brief_scores returns 100 as score: divide it, so that it is from 0 to 1"
    )
    people_on.do("DROP VIEW brief_scores")
    people_on.do(BRIEF.format(score="0.75"))
    sqltune_on.well("retry", "1", "--failed")
    assert people_on.rows(SCORES) == [(0.75, "brief enough")]
    assert people_on.count("adapter_versions") == 1, "retry trains nothing"


def test_a_scorer_that_is_no_view_and_no_scorer_is_refused_with_what_there_is(
    sqltune: Sqltune, people: People
) -> None:
    people.declare("office", scorer="sql:my scores")
    people.teach("office", "Where is our office?", "In Utrecht.")
    refused = sqltune("sync")
    assert "unknown scorer 'sql:my scores'; known are exact, contains" in refused.said


def test_no_output_and_no_row_of_ours_but_the_text_itself_repeats_a_secret(
    sqltune: Sqltune, people: People
) -> None:
    people.declare("office")
    people.teach("office", "Which key?", f"Take {KEY}.")
    people.do("UPDATE adapters SET on_personal_data = 'refuse'")
    refused = sqltune("sync")
    assert refused.code == 1
    assert "1 secret; first: " in refused.said
    assert KEY not in refused.said
    shown = people.rows("SELECT message FROM data_issues")
    shown += people.rows("SELECT error_message FROM runs")
    shown += people.rows("SELECT message FROM run_events")
    assert all(KEY not in text for (text,) in shown)
