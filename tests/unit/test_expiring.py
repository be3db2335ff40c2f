"""Answers that are older than they are kept are removed in steps, so that runners can write."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sqltune.operations.gc import expiring
from tests.unit.office import Office

QUESTIONS = (
    "INSERT INTO eval_prompts (dataset, prompt) VALUES ('office', 'Who has the key?'), "
    "('office', 'Where is the key?'), ('office', 'When do we close?'), ('office', 'Who are you?')"
)


@pytest.mark.parametrize("prompts", [1, 2, 200])
def test_every_answer_of_a_run_is_removed_whatever_the_size_of_a_step(
    office: Office, monkeypatch: pytest.MonkeyPatch, prompts: int
) -> None:
    monkeypatch.setattr(expiring, "_PROMPTS", prompts)
    office.do(QUESTIONS)
    office.sync()
    office.do("UPDATE runs SET finished_at = '2020-01-01 00:00:00.000000'", "DELETE FROM aliases")
    ((stored,),) = office.rows("SELECT COUNT(response) FROM responses")
    runtime = replace(
        office.runtime, settings=replace(office.runtime.settings, keep_answers_days=30)
    )
    assert expiring.expire(runtime, removes=False).answers == stored == 10
    assert expiring.expire(runtime, removes=True).answers == stored
    assert office.rows("SELECT DISTINCT response, error_code FROM responses") == [(None, "expired")]
    assert expiring.expire(runtime, removes=True).answers == 0


def test_a_question_that_is_asked_again_meanwhile_keeps_its_answer_and_an_error_is_kept(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = "'2020-01-01 00:00:00.000000'"
    names = "question_id, adapter_name, prompt, state, answered_at"
    office.do(
        f"INSERT INTO questions ({names}) VALUES (1, 'office', 'Who?', 'answered', {old}),"
        f" (2, 'office', 'When?', 'failed', {old}), (3, 'office', '[forgotten]', 'failed', {old}),"
        f" (4, 'office', 'Where?', 'answered', {old})",
        "UPDATE questions SET error_code = 'timeout', error_message = 'It took 60 s.'"
        " WHERE state = 'failed'",
    )
    fetch = expiring.expiring.fetch_old_questions

    def fetch_and_answer(*args: Any, **values: Any) -> list[int]:
        found = fetch(*args, **values)
        office.do(
            "UPDATE questions SET answer = 'Here.', answered_at = '2030-01-01 00:00:00.000000'"
            " WHERE question_id = 4",
        )
        return found

    monkeypatch.setattr(expiring.expiring, "fetch_old_questions", fetch_and_answer)
    runtime = replace(
        office.runtime, settings=replace(office.runtime.settings, keep_answers_days=30)
    )
    assert expiring.expire(runtime, removes=True).questions == 2
    assert office.rows("SELECT prompt, answer, error_code FROM questions ORDER BY question_id") == [
        ("[expired]", None, "expired"),
        ("[expired]", None, "timeout"),
        ("[forgotten]", None, "timeout"),
        ("Where?", "Here.", None),
    ]
    assert expiring.expire(runtime, removes=False).questions == 0
