"""`report_before_after` says why two answers are not compared: every reason, one by one."""

from __future__ import annotations

import re

import pytest

from sqltune.database.connection import Database
from sqltune.database.scripts import read_views
from tests.database.not_compared_reasons import ANSWER, REASONS
from tests.database.report_rows import insert_history


@pytest.fixture
def reported(database: Database) -> Database:
    """A database with the history of `report_rows`, where prompt k1 of version 1 improved."""
    insert_history(database)
    assert outcome(database) == ("improved", None, 1.0, 1)
    return database


def outcome(database: Database) -> tuple[object, ...]:
    with database.read() as session:
        row = session.connection.exec_driver_sql(
            "SELECT outcome, not_compared_reason, score_change, is_improved"
            " FROM report_before_after WHERE version_number = 1 AND prompt_key = 'k1'"
        ).one()
    return tuple(row)


def bring_about(database: Database, reason: str) -> None:
    phase = "after" if "after" in reason else "base"
    with database.transaction() as session:
        for statements in REASONS[reason]:
            for statement in statements:
                session.connection.exec_driver_sql(statement.format(ANSWER.format(phase)))


@pytest.mark.parametrize("reason", REASONS)
def test_a_prompt_that_is_not_compared_says_why(reported: Database, reason: str) -> None:
    bring_about(reported, reason)
    assert outcome(reported) == ("not_compared", reason, None, 0)


@pytest.mark.parametrize(
    ("reason", "later"),
    [
        ("no_expected_text", "answer_before_is_an_error"),
        ("answer_before_is_an_error", "answer_after_is_an_error"),
        ("no_answer_after", "answer_before_is_an_error"),
        ("answer_after_is_an_error", "unequal_decoding_settings"),
        ("unequal_decoding_settings", "score_after_is_an_error"),
        ("no_score_after", "score_before_is_an_error"),
        ("score_before_is_an_error", "score_after_is_an_error"),
    ],
)
def test_of_two_reasons_the_first_is_given(reported: Database, reason: str, later: str) -> None:
    bring_about(reported, later)
    bring_about(reported, reason)
    assert outcome(reported) == ("not_compared", reason, None, 0)


def test_these_are_all_the_reasons_that_the_view_knows() -> None:
    (view,) = [view for view in read_views() if view.name == "report_before_after"]
    (expression,) = re.findall(r"THEN NULL\n(.*?) END AS not_compared_reason", view.select, re.S)
    assert re.findall(r"(?:THEN|ELSE) '(\w+)'", expression) == list(REASONS)


def test_exactly_the_prompts_that_are_not_compared_have_a_reason(reported: Database) -> None:
    with reported.read() as session:
        rows = session.connection.exec_driver_sql(
            "SELECT version_number, prompt_key, outcome, not_compared_reason, score_change"
            " FROM report_before_after ORDER BY 1, 2"
        ).all()
    assert [(row[0], row[1], row[3]) for row in rows if row.outcome == "not_compared"] == [
        (1, "k3", "no_expected_text"),
        (2, "k2", "unequal_decoding_settings"),
        (2, "k3", "no_expected_text"),
        (2, "k4", "answer_before_is_an_error"),
    ]
    compared = [row for row in rows if row.outcome != "not_compared"]
    assert [row.not_compared_reason for row in compared] == [None] * 4
    assert None not in [row.score_change for row in compared]
