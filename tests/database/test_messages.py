"""Conversations in the tables: selected, frozen, read back and named where they are bad."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sqltune.database.connection import Database, EngineKind
from sqltune.database.tables.responses import fetch_prompt_page
from sqltune.errors import DataError
from sqltune.records import Message
from sqltune.selection import Problem, read_samples, select_samples
from tests.database.selecting import Desk, open_desk
from tests.engines import PYMYSQL

USER = {"role": "user", "content": "Do you ship abroad?"}
ASSISTANT = {"role": "assistant", "content": "Yes. 🚀"}
AGAIN = {"role": "user", "content": "To Chile?"}
CHAT = (
    Message("user", "Do you ship abroad?"),
    Message("assistant", "Yes. 🚀"),
    Message("user", "To Chile?"),
    Message("assistant", "Yes. 🚀"),
)


@pytest.fixture
def desk(database: Database) -> Desk:
    return open_desk(database)


def dump(*messages: dict[str, Any]) -> str:
    return json.dumps(messages)


def test_a_manifest_freezes_a_conversation_as_it_was(desk: Desk) -> None:
    desk.add_samples([{"messages": dump(USER, ASSISTANT, AGAIN, ASSISTANT)}])
    manifest = desk.write()
    desk.run("DELETE FROM training_samples")
    (sample,) = read_samples(desk.database, manifest.manifest_id)
    assert sample.messages == CHAT
    assert (sample.prompt, sample.response) == ("To Chile?", "Yes. 🚀")
    assert read_samples(desk.database, manifest.manifest_id).fetch([0]) == [sample]


def test_the_fast_fingerprint_of_conversations_is_that_of_the_manifest(desk: Desk) -> None:
    desk.add_samples(
        [
            {"messages": dump(USER, ASSISTANT, AGAIN, ASSISTANT), "prompt": None, "response": None},
            {"messages": None, "prompt": "p", "response": "r"},
        ]
    )
    manifest = desk.write()
    assert desk.fingerprint().text == manifest.fingerprint
    assert [s.messages for s in select_samples(desk.reader(), desk.adapter)] == [CHAT, None]


def test_a_single_turn_may_change_its_form_without_a_change_of_content(desk: Desk) -> None:
    desk.add_samples([{"messages": dump(USER, ASSISTANT)}])
    before = desk.fingerprint()
    desk.run(
        "UPDATE training_samples SET prompt = 'Do you ship abroad?', response = 'Yes. 🚀', "
        "messages = NULL"
    )
    assert desk.fingerprint() == before


@pytest.mark.parametrize("database_engine", ["sqlite", *PYMYSQL], indirect=True)
def test_rows_that_are_turns_become_a_conversation_in_the_query(desk: Desk) -> None:
    desk.run(
        "CREATE TABLE turns (chat_id INTEGER, turn_number INTEGER, role TEXT, body TEXT)",
        "INSERT INTO turns VALUES (7, 1, 'user', 'Do you ship abroad?'), "
        "(7, 2, 'assistant', 'Yes. 🚀'), (7, 3, 'user', 'To Chile?'), "
        "(7, 4, 'assistant', 'Yes. 🚀')",
    )
    is_sqlite = desk.database.kind is EngineKind.SQLITE
    gather = "json_group_array" if is_sqlite else "JSON_ARRAYAGG"
    query = (
        f"SELECT chat_id AS sample_key, {gather}(JSON_OBJECT('role', role, 'content', body)) "
        "AS messages FROM (SELECT chat_id, role, body FROM turns ORDER BY turn_number) AS ordered "
        "GROUP BY chat_id"
    )
    manifest = desk.write(training_query=query)
    assert [s.messages for s in read_samples(desk.database, manifest.manifest_id)] == [CHAT]


def test_a_bad_conversation_is_a_finding_with_its_row_and_position(desk: Desk) -> None:
    wrong = {"role": "asistant", "content": "Yes."}
    query = f"SELECT 17 AS sample_key, '{dump(USER, wrong)}' AS messages"
    with pytest.raises(DataError, match=r"17: messages\[1\]\.role is 'asistant'"):
        desk.write(training_query=query)
    assert desk.issues() == [("bad_message", "17", "messages", "error")]


def test_what_a_backend_cannot_read_is_a_finding_of_the_conversation_alone(desk: Desk) -> None:
    desk.add_samples(
        [
            {"messages": dump(USER, ASSISTANT, AGAIN, ASSISTANT), "prompt": None, "response": None},
            {"messages": dump(USER, ASSISTANT), "prompt": None, "response": None},
        ]
    )
    with pytest.raises(DataError, match="1 of 2 rows cannot be trained on"):
        desk.write(check_conversation=lambda sample: Problem("plain_text_only", "it has turns"))
    assert desk.issue_counts() == {"plain_text_only": 1}


def test_a_prompt_is_frozen_with_its_conversation(desk: Desk) -> None:
    desk.add_prompts(
        [
            {"messages": dump(USER, ASSISTANT, AGAIN), "prompt": None, "expected": "Yes."},
            {"messages": dump(AGAIN), "prompt": None, "expected": "Yes."},
            {"messages": None, "prompt": "Hello?", "expected": None},
        ]
    )
    frozen = desk.freeze()
    assert frozen.fingerprint == desk.prompt_fingerprint().text
    with desk.database.read() as session:
        page = fetch_prompt_page(session, 1, "", 10)
    assert {(p.prompt, p.messages, p.expected) for p in page} == {
        ("To Chile?", CHAT[:3], "Yes."),
        ("To Chile?", None, "Yes."),
        ("Hello?", None, None),
    }


@pytest.mark.parametrize(
    ("row", "rule", "column"),
    [
        ({"messages": dump(USER, ASSISTANT)}, "bad_turns", "messages"),
        ({"messages": dump(USER), "prompt": "p"}, "two_forms", "messages"),
        ({"messages": "Hello?"}, "not_json", "messages"),
        ({"prompt": None}, "missing", "prompt"),
    ],
)
def test_a_conversation_that_cannot_be_asked_is_named(
    desk: Desk, row: dict[str, Any], rule: str, column: str
) -> None:
    desk.add_prompts([row])
    with pytest.raises(DataError, match="1 of 1 evaluation prompts cannot be asked"):
        desk.freeze()
    assert [issue[0::2] for issue in desk.issues()] == [(rule, column)]
