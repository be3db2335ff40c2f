"""Conversations in the form of OpenAI's chat: what is read of them, and what is wrong with them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sqltune.database.tables.message_texts import read_messages, write_messages
from sqltune.records import Message, SelectionName
from sqltune.selection.batches import digest_refused
from sqltune.selection.columns import map_columns
from sqltune.selection.conversations import parse_conversation
from sqltune.selection.rules import Problem
from sqltune.selection.scan import digest_page
from sqltune.selection.training_rows import TrainingRows

SYSTEM = {"role": "system", "content": "Be short."}
USER = {"role": "user", "content": "Do you ship abroad?"}
ASSISTANT = {"role": "assistant", "content": "Yes."}
AGAIN = {"role": "user", "content": "To Chile?"}
CALL = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "12 days"}


def read(messages: object, selection: SelectionName = SelectionName.TRAINING) -> Any:
    return parse_conversation(json.dumps(messages).encode(), selection)


def test_every_role_is_read_with_the_fields_that_templates_know() -> None:
    messages = read([SYSTEM, USER, CALL, RESULT, ASSISTANT])
    assert [m.role for m in messages] == ["system", "user", "assistant", "tool", "assistant"]
    assert messages[2].content is None
    assert json.loads(messages[2].extra) == {"tool_calls": CALL["tool_calls"]}
    assert json.loads(messages[3].extra) == {"tool_call_id": "c1"}
    assert read_messages(write_messages(messages)) == messages


def test_a_turn_with_weight_0_is_read_and_not_trained() -> None:
    messages = read([USER, {**ASSISTANT, "weight": 0}, AGAIN, {**ASSISTANT, "weight": 1}])
    assert [m.is_trained for m in messages] == [True, False, True, True]
    assert read_messages(write_messages(messages)) == messages


def test_parts_of_text_are_joined_and_the_developer_is_the_system() -> None:
    parts = [{"type": "text", "text": "Do you "}, {"type": "text", "text": "ship?"}]
    messages = read(
        [{**SYSTEM, "role": "developer"}, {"role": "user", "content": parts}, ASSISTANT]
    )
    assert messages[0] == Message("system", "Be short.")
    assert messages[1] == Message("user", "Do you ship?")


def test_the_order_of_a_messages_own_fields_does_not_count() -> None:
    turned = [dict(reversed(message.items())) for message in (USER, CALL, RESULT, ASSISTANT)]
    assert read(turned) == read([USER, CALL, RESULT, ASSISTANT])


@pytest.mark.parametrize(
    ("messages", "rule", "words"),
    [
        ([], "bad_turns", "messages is an empty list"),
        ({"messages": [USER]}, "bad_message", "messages is an object, not a list"),
        ([USER, "Yes."], "bad_message", "messages[1] is str Yes., not an object"),
        ([USER, {"content": "Yes."}], "bad_message", "messages[1].role is missing"),
        (
            [USER, ASSISTANT, AGAIN, {"role": "asistant", "content": "Yes."}],
            "bad_message",
            "messages[3].role is 'asistant': use system, user, assistant or tool",
        ),
        ([USER, {"role": "assistant"}], "empty", "messages[1].content is missing"),
        ([{"role": "user", "content": " "}, ASSISTANT], "empty", "messages[0].content is empty"),
        ([USER, {"role": "assistant", "content": 7}], "bad_message", "is the number 7, not a text"),
        (
            [{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}, ASSISTANT],
            "bad_message",
            "messages[0].content[0] is of type 'image_url'",
        ),
        ([USER, {**ASSISTANT, "weight": 2}], "bad_message", "messages[1].weight is 2"),
        ([{**USER, "weight": 0}, ASSISTANT], "bad_message", "messages[0].weight is 0"),
        ([USER, {**ASSISTANT, "weight": 0}], "bad_turns", "every turn of the assistant has weight"),
        ([SYSTEM, USER], "bad_turns", "messages has no turn of the assistant"),
        ([SYSTEM, ASSISTANT], "bad_turns", "messages has no turn of the user"),
        (
            [USER, ASSISTANT, AGAIN],
            "bad_turns",
            "messages[2] is the last and its role is 'user': a sample must end with the assistant",
        ),
        ([USER, {"role": "assistant", "content": "a\0"}], "nul", "messages[1].content contains"),
        ([{"role": "user", "content": "\ud83d"}, ASSISTANT], "lone_surrogate", "messages[0].cont"),
    ],
)
def test_what_is_wrong_is_named_with_its_position(messages: Any, rule: str, words: str) -> None:
    problem = read(messages)
    assert isinstance(problem, Problem)
    assert problem.rule == rule
    assert words in problem.message


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (b"Do you ship?", "not_json"),
        (b'[{"role": "user"', "not_json"),
        (b'[{"role": "user", "content": NaN}]', "not_json"),
        (b"[" * 100_000, "not_json"),
        (b"\xff", "not_json"),
        (b'[{"role": "user", "role": "tool", "content": "x"}]', "bad_message"),
    ],
)
def test_what_is_no_json_is_no_conversation(text: bytes, rule: str) -> None:
    problem = parse_conversation(text, SelectionName.TRAINING)
    assert isinstance(problem, Problem)
    assert problem.rule == rule


def test_an_evaluation_prompt_ends_with_the_users_turn() -> None:
    kind = SelectionName.EVALUATION
    assert len(read([SYSTEM, USER, ASSISTANT, AGAIN], kind)) == 4
    assert read([USER, ASSISTANT], kind).rule == "bad_turns"


NAMES = ["sample_key", "prompt", "response", "system_prompt", "messages"]


def accept(*rows: tuple[Any, ...]) -> TrainingRows:
    training = TrainingRows(map_columns(NAMES, SelectionName.TRAINING), None)
    training.accept(rows)
    return training


def digest(*row: Any) -> bytes:
    columns = map_columns(NAMES, SelectionName.TRAINING)
    return digest_page(columns.split([row]))[0]


def dump(*messages: dict[str, Any]) -> bytes:
    return json.dumps(messages).encode()


def test_a_single_turn_has_the_hash_of_the_same_prompt_and_response() -> None:
    plain = digest(b"k", b"Do you ship abroad?", b"Yes.", None, None)
    with_system = digest(b"k", b"Do you ship abroad?", b"Yes.", b"Be short.", None)
    assert digest(b"k", None, None, None, dump(USER, ASSISTANT)) == plain
    assert digest(b"k", None, None, None, dump(SYSTEM, USER, ASSISTANT)) == with_system


def test_every_turn_of_a_conversation_is_content() -> None:
    one = digest(b"k", None, None, None, dump(USER, ASSISTANT, AGAIN, ASSISTANT))
    other = digest(b"k", None, None, None, dump(USER, CALL, RESULT, ASSISTANT))
    cut = digest(b"k", None, None, None, dump(USER, ASSISTANT, USER, AGAIN, ASSISTANT))
    last = digest(b"k", b"To Chile?", b"Yes.", None, None)
    assert len({one, other, cut, last}) == 4


def test_the_texts_of_a_conversation_are_its_last() -> None:
    columns = map_columns(NAMES, SelectionName.TRAINING)
    rows = TrainingRows(columns, None)
    batch = rows.accept([(b"k", None, None, None, dump(SYSTEM, USER, ASSISTANT, AGAIN, CALL))])
    assert batch.prompts == (b"To Chile?",)
    assert json.loads(batch.responses[0]) == {"tool_calls": CALL["tool_calls"]}
    assert batch.system_prompts == (b"Be short.",)


@pytest.mark.parametrize(
    ("row", "column", "rule"),
    [
        ((b"k", b"p", b"r", None, dump(USER, ASSISTANT)), "messages", "two_forms"),
        ((b"k", None, None, b"s", dump(USER, ASSISTANT)), "messages", "two_forms"),
        ((b"k", None, None, None, None), "prompt", "missing"),
        ((b"k", b"p", None, None, None), "response", "missing"),
        ((b"k", None, None, None, 7), "messages", "not_text"),
    ],
)
def test_a_row_has_exactly_one_form(row: tuple[Any, ...], column: str, rule: str) -> None:
    rows = accept(row, (b"l", b"p", b"r", None, None))
    (issue,) = rows.findings.issues
    assert (issue.row_key, issue.column_name, issue.rule) == ("k", column, rule)
    assert rows.counts.skipped == 1


def test_the_fast_hash_of_bad_conversations_is_that_of_what_was_refused() -> None:
    page = [(b"k", None, None, None, b"[]"), (b"l", None, None, None, dump(USER, ASSISTANT, USER))]
    rows = accept(*page)
    columns = map_columns(NAMES, SelectionName.TRAINING)
    assert digest_page(columns.split(page)) == digest_refused(rows.refused)[0]
    assert rows.counts.skipped == 2


def test_a_query_may_return_messages_alone() -> None:
    columns = map_columns(["messages"], SelectionName.TRAINING)
    batch = TrainingRows(columns, None).accept([(dump(USER, ASSISTANT),)])
    assert (batch.prompts, batch.messages) == ((b"Do you ship abroad?",), (None,))
