"""What adapters.on_personal_data does with rows that have personal data or secrets in them."""

from __future__ import annotations

import json

import pytest

from sqltune.database.connection import Database
from sqltune.errors import DataError
from tests.database.selecting import Desk, open_desk

KEY = "AKIA" + "IOSFODNN7EXAMPLE"
MAIL = "jane@acme.com"


@pytest.fixture
def desk(database: Database) -> Desk:
    desk = open_desk(database)
    desk.add_samples(
        [
            {"prompt": "Whom do I write to?", "response": f"Write to {MAIL}."},
            {"prompt": "Which key?", "response": f"Take {KEY}."},
            {"prompt": "Open?", "response": "Until six."},
        ]
    )
    return desk


def _no_value_is_stored(desk: Desk) -> bool:
    messages = [row[0] for row in desk.rows("SELECT message FROM data_issues")]
    return bool(messages) and not any(MAIL in text or KEY in text for text in messages)


def test_by_default_they_are_warnings_and_the_rows_are_trained_on(desk: Desk) -> None:
    assert desk.write().sample_count == 3
    assert [(rule, column, severity) for rule, _, column, severity in desk.issues()] == [
        ("personal_data", "response", "warning"),
        ("secret", "response", "warning"),
    ]
    assert _no_value_is_stored(desk)


def test_they_can_be_ignored(desk: Desk) -> None:
    assert desk.write(on_personal_data="ignore").sample_count == 3
    assert desk.issues() == []


def test_rows_that_are_refused_stop_the_run_and_the_message_repeats_no_value(desk: Desk) -> None:
    with pytest.raises(DataError, match="2 of 3 rows cannot be trained on") as caught:
        desk.write(on_personal_data="refuse")
    assert MAIL not in str(caught.value)
    assert desk.issue_counts() == {"personal_data": 1, "secret": 1}
    assert _no_value_is_stored(desk)


def test_rows_that_are_refused_are_left_out_where_the_adapter_says_skip(desk: Desk) -> None:
    manifest = desk.write(on_personal_data="refuse", on_bad_row="skip", max_skipped_share=0.7)
    assert (manifest.sample_count, manifest.skipped) == (1, 2)


def test_conversations_are_searched_in_their_messages(desk: Desk) -> None:
    texts = {"user": "Who?", "assistant": MAIL}
    turns = [{"role": role, "content": text} for role, text in texts.items()]
    last = [{"role": role, "content": "Yes"} for role in texts]
    desk.run("DELETE FROM training_samples")
    desk.add_samples([{"messages": json.dumps([*turns, *last])}])
    desk.write()
    assert [(rule, column) for rule, _, column, _ in desk.issues()] == [
        ("personal_data", "messages")
    ]


@pytest.mark.parametrize(("mode", "severity"), [("report", "warning"), ("refuse", "error")])
def test_evaluation_prompts_are_searched_too(desk: Desk, mode: str, severity: str) -> None:
    desk.add_prompts([{"prompt": "Who?", "expected": MAIL}, {"prompt": "Open?", "expected": "x"}])
    frozen = desk.freeze(on_personal_data=mode, on_bad_row="skip", max_skipped_share=0.5)
    assert frozen.prompt_count == (2 if mode == "report" else 1)
    assert [(r, c, s) for r, _, c, s in desk.issues()] == [("personal_data", "expected", severity)]
    assert _no_value_is_stored(desk)
