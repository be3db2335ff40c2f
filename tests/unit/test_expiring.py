"""Answers that are older than they are kept are removed in steps, so that runners can write."""

from __future__ import annotations

from dataclasses import replace

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
