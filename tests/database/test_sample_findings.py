"""Findings on several rows at once: contradictions, near duplicates, near leaks."""

from __future__ import annotations

import pytest

from sqltune.database.connection import Database
from tests.database.selecting import Desk, open_desk

ASKED = "How do I reset the password of my account?"
STEPS = "Open the settings, choose security, and press the button that resets your password."


@pytest.fixture
def desk(database: Database) -> Desk:
    return open_desk(database)


def _query(*rows: tuple[str, str, str, str | None]) -> str:
    """Return a training query of rows of key, prompt, response and system prompt."""
    selects = [
        f"SELECT '{key}' AS sample_key, '{prompt}' AS prompt, '{response}' AS response, "
        f"NULLIF('{system or ''}', '') AS system_prompt"
        for key, prompt, response, system in rows
    ]
    return " UNION ALL ".join(selects)


def _message(desk: Desk) -> str:
    return str(desk.rows("SELECT message FROM data_issues")[0][0])


def test_two_answers_to_one_prompt_are_a_warning_that_names_both_keys(desk: Desk) -> None:
    rows = (("a", "Open?", "Until six.", None), ("b", "Open?", "Never on Sundays.", None))
    assert desk.write(training_query=_query(*rows)).sample_count == 2
    assert desk.issues() == [("contradiction", "b", "response", "warning")]
    assert "sample a has the same prompt and another response" in _message(desk)


@pytest.mark.parametrize(
    "other",
    [
        ("b", "Open?", "until six", None),
        ("b", "Open?", "Never.", "You answer for the shop in Bonn."),
        ("b", "Open today?", "Never.", None),
    ],
    ids=["same answer", "other system prompt", "other prompt"],
)
def test_what_does_not_contradict_is_no_finding(
    desk: Desk, other: tuple[str, str, str, str | None]
) -> None:
    first = ("a", "Open?", "Until six.", None)
    desk.write(training_query=_query(first, other), near_duplicate_at=None)
    assert desk.issues() == []


def test_conversations_contradict_each_other_after_the_same_turns(desk: Desk) -> None:
    turns = '[{"role":"user","content":"Hi"},{"role":"assistant","content":"%s"},'
    turns += '{"role":"user","content":"Open?"},{"role":"assistant","content":"%s"}]'
    columns = [
        {"messages": turns % texts}
        for texts in (("Hello", "Until six"), ("Hello", "Never"), ("Good day", "On Mondays"))
    ]
    desk.add_samples(columns)
    desk.write(near_duplicate_at=None)
    assert [(rule, column) for rule, _, column, _ in desk.issues()] == [
        ("contradiction", "response")
    ]


def test_a_nearly_equal_sample_is_a_warning_that_names_both_keys(desk: Desk) -> None:
    rows = (("a", ASKED, STEPS, None), ("b", ASKED, f"{STEPS} !", None))
    query = _query(*rows, ("c", "Open?", "Until six.", None))
    desk.write(training_query=query)
    assert desk.issues() == [("near_duplicate", "b", None, "warning")]
    assert "nearly the same as sample a (" in _message(desk)


def test_near_duplicates_can_be_off(desk: Desk) -> None:
    rows = (("a", ASKED, STEPS, None), ("b", ASKED, f"{STEPS} !", None))
    desk.write(training_query=_query(*rows), near_duplicate_at=None)
    assert desk.issues() == []


def test_samples_for_validation_neither_contradict_nor_repeat(desk: Desk) -> None:
    desk.add_samples(
        [
            {"prompt": ASKED, "response": STEPS, "split": None},
            {"prompt": ASKED, "response": "Write to us.", "split": "validation"},
            {"prompt": ASKED, "response": f"{STEPS} !", "split": "validation"},
        ]
    )
    desk.write()
    assert desk.issues() == []


def test_a_prompt_that_is_nearly_a_samples_is_a_warning_and_no_leak(desk: Desk) -> None:
    desk.add_sample(ASKED, STEPS)
    desk.add_prompts([{"prompt": f"{ASKED}?"}, {"prompt": "Where is my invoice?"}])
    manifest = desk.write()
    desk.run(
        f"INSERT INTO runs (run_id, adapter_name, manifest_id) VALUES (1, 'helpdesk', "
        f"{manifest.manifest_id})"
    )
    desk.freeze()
    ((key,),) = desk.rows("SELECT sample_id FROM training_samples")
    assert [(rule, column) for rule, _, column, _ in desk.issues()] == [("near_leak", "prompt")]
    assert f"nearly the prompt of sample {key} (" in _message(desk)
    assert desk.rows("SELECT DISTINCT is_leaked FROM run_prompts") == [(0,)]
    desk.freeze(near_duplicate_at=None)
    assert desk.issues() == []
