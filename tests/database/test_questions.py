"""Questions in rows: each is answered once, by the version that it asks, or says why not."""

from __future__ import annotations

import json
import re
import threading
from typing import Any

import pytest

from sqltune.database.clocks import utc_now
from sqltune.database.times import format_time
from sqltune.syncing.sync import sync
from tests.database.asking_office import ANSWER, QUESTION, Office
from tests.engines import on_sqlite


def test_a_question_is_answered_in_its_row_by_the_live_version(office: Office) -> None:
    office.ask()
    office.answering().answer_waiting()
    columns = "state, answered_version, answer, finish_reason, prompt_tokens, output_tokens"
    assert office.rows(columns) == [("answered", 1, ANSWER, "stop", 5, 7)]
    rest = "latency_ms > 0, answered_at >= asked_at, claimed_by, claim_expires_at, error_code"
    assert office.rows(rest) == [(1, 1, None, None, None)]


def test_a_row_chooses_the_version_the_length_and_the_conversation(office: Office) -> None:
    answer = "It has moved to Nairobi."
    office.do("UPDATE training_samples SET response = :answer", answer=answer)
    sync(office.runtime(), (), force=False, stop=threading.Event())
    turns = [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": QUESTION},
    ]
    office.ask(version_number=1, max_new_tokens=2, temperature=0.5)
    office.ask(None, messages=json.dumps(turns))
    office.ask(alias="staging")
    office.insert(
        "aliases",
        {
            "adapter_name": "office",
            "alias": "staging",
            "version_number": 1,
            "changed_at": format_time(utc_now()),
        },
    )
    office.answering().answer_waiting()
    assert office.rows("answered_version, answer, finish_reason") == [
        (1, "Our offi", "length"),
        (2, answer, "stop"),
        (1, ANSWER, "stop"),
    ]


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"adapter_name": "cellar"}, "unknown_version", "no adapter named 'cellar'"),
    ({"adapter_name": "empty"}, "unknown_version", "no version of 'empty' is live"),
    ({"version_number": 7}, "unknown_version", "has no version 7"),
    ({"alias": "staging"}, "unknown_version", "has the alias 'staging': a row of alias_changes"),
    ({"prompt": None}, "bad_prompt", "both NULL: give one of them"),
    ({"prompt": " \n"}, "bad_prompt", "prompt is empty"),
    ({"messages": "[]"}, "bad_prompt", "are both given"),
    ({"prompt": None, "messages": "no JSON"}, "bad_messages", "messages is not JSON"),
    (
        {"prompt": None, "messages": '[{"role": "user", "content": "a"},'
         ' {"role": "assistant", "content": "b"}]'},
        "bad_messages",
        "must end with the user's turn",
    ),
    ({"max_new_tokens": 0}, "bad_max_new_tokens", "max_new_tokens is 0: it must be at least 1"),
    ({"temperature": -1}, "bad_temperature", "must be at least 0"),
]  # fmt: skip


def test_what_cannot_be_asked_fails_with_the_cure_and_the_queue_continues(office: Office) -> None:
    office.do(
        "INSERT INTO adapters (adapter_name, base_model, backend) VALUES ('empty', 't', 'scripted')"
    )
    for columns, _, _ in BAD:
        office.ask(**{"prompt": QUESTION, **columns})
    office.ask()
    office.answering().answer_waiting()
    *failed, last = office.rows("state, error_code, error_message")
    for (columns, code, message), (state, found, text) in zip(BAD, failed, strict=True):
        assert (state, found) == ("failed", code), columns
        assert message in text
    assert last == ("answered", None, None)


NO_TEXT = ("CAST(X'70FF' AS TEXT)", "CAST(X'EDA080' AS TEXT)", "X'70FF'")
TEXT_COLUMNS = ("prompt", "system_prompt", "messages", "alias", "adapter_name")


@on_sqlite
@pytest.mark.parametrize("column", TEXT_COLUMNS)
def test_bytes_that_are_no_text_fail_their_row_alone_and_it_says_which_column(
    office: Office, column: str
) -> None:
    # By its name this adapter comes after those in bytes.
    office.train("\U0001f3e2")
    office.ask(adapter_name="\U0001f3e2")
    prompt = None if column == "messages" else QUESTION
    for value in NO_TEXT:
        office.ask(prompt)
        office.do(
            f"UPDATE questions SET {column} = {value} WHERE question_id ="
            " (SELECT MAX(question_id) FROM questions)"
        )
    office.ask()
    answering = office.answering()
    answering.answer_waiting()
    first, *failed, last = office.rows("state, error_code, error_message")
    assert [first[0], last[0]] == ["answered"] * 2
    assert [row[:2] for row in failed] == [("failed", f"bad_{column}")] * len(NO_TEXT)
    wanted = "not text: write" if column == "adapter_name" else "UTF-8|half of a UTF-16 pair"
    assert all(re.search(f"^{column} .*({wanted})", row[2]) for row in failed), failed
    assert (answering.answered, answering.failed) == (2, len(NO_TEXT))


@on_sqlite
def test_a_number_column_that_holds_a_text_fails_its_row_alone(office: Office) -> None:
    office.ask(max_new_tokens="many")
    office.ask(version_number="latest")
    office.ask(adapter_name="")
    office.ask()
    office.answering().answer_waiting()
    assert [row[0] for row in office.rows("state")] == ["failed"] * 3 + ["answered"]


def test_a_version_that_is_retired_or_whose_backend_is_not_allowed_says_so(
    office: Office,
) -> None:
    office.ask()
    office.answering(backends=("local",)).answer_waiting()
    office.do("UPDATE adapter_versions SET retired_at = created_at")
    office.ask()
    office.answering().answer_waiting()
    first, second = office.rows("error_code, error_message")
    assert "backend 'scripted' is not allowed here" in first[1]
    assert second[0] == "version_retired"
    assert "choose another version" in second[1]


def test_an_error_of_one_answer_fails_this_question_alone(office: Office) -> None:
    fault = {"at": "answer", "prompt": "odd", "code": "prompt_too_long", "message": "too long"}
    office.play(faults=[fault])
    for prompt in (QUESTION, "odd"):
        office.ask(prompt)
    office.answering().answer_waiting()
    assert office.rows("state, answered_version, error_code, error_message") == [
        ("answered", 1, None, None),
        ("failed", 1, "prompt_too_long", "too long"),
    ]


@pytest.mark.parametrize("code", ["out_of_memory", "data_error"])
def test_what_fails_with_several_is_asked_one_by_one(office: Office, code: str) -> None:
    fault = {"at": "answer", "prompt": "odd", "kind": "raise", "code": code}
    office.play(slots=1, faults=[fault])
    for prompt in ("odd", QUESTION, "another"):
        office.ask(prompt)
    office.answering().answer_waiting()
    states = office.rows("state, error_code")
    assert states == [("failed", code), ("answered", None), ("answered", None)]


def test_questions_wait_while_the_backend_is_out_of_order_and_say_why(office: Office) -> None:
    office.play(slots=1, faults=[{"at": "answer", "number": 1, "kind": "raise"}])
    office.train("attic")
    for name in ("office", "attic", "office"):
        office.ask(adapter_name=name)
    clock = [0.0]
    answering = office.answering()
    answering.monotonic = lambda: clock[0]
    answering.answer_waiting()
    # The adapters are asked in the order of their names.
    assert office.rows("adapter_name, state, error_code", "questions ORDER BY 1") == [
        ("attic", "waiting", "backend_unavailable"),
        ("office", "answered", None),
        ("office", "answered", None),
    ]
    assert list(answering.paused) == ["attic"]
    answering.answer_waiting()
    assert office.rows("state", "questions WHERE adapter_name = 'attic'") == [("waiting",)]
    clock[0] += 2
    answering.answer_waiting()
    assert office.rows("state, error_message", "questions WHERE adapter_name = 'attic'") == [
        ("answered", None)
    ]


def test_a_forgotten_text_is_stored_as_no_answer(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Forgotten:
        def holds_answer(self, text: str) -> bool:
            return text == ANSWER

    answering = office.answering()
    monkeypatch.setattr(type(answering.runtime), "load_forgotten", lambda self: Forgotten())
    office.ask()
    answering.answer_waiting()
    assert office.rows("state, answer, error_code") == [("failed", None, "forgotten")]


def test_a_withdrawn_question_is_not_answered(office: Office) -> None:
    office.ask()
    office.do("DELETE FROM questions")
    answering = office.answering()
    answering.answer_waiting()
    assert (answering.answered, answering.failed) == (0, 0)


def test_only_the_named_adapters_are_asked(office: Office) -> None:
    office.train("attic")
    office.ask()
    office.ask(adapter_name="attic")
    office.answering("attic").answer_waiting()
    assert office.rows("adapter_name, state") == [("office", "waiting"), ("attic", "answered")]


def test_a_person_may_ask_a_failed_question_again(office: Office) -> None:
    office.ask(adapter_name="cellar")
    office.answering().answer_waiting()
    office.do("UPDATE questions SET adapter_name = 'office', state = 'waiting'")
    office.answering().answer_waiting()
    assert office.rows("state, answer, error_message") == [("answered", ANSWER, None)]
