"""What the base model is asked, so that its own answers survive the tuning."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from sqltune.local_lora.rehearsal.general_questions import general_questions
from sqltune.local_lora.rehearsal.options import RehearsalMode
from sqltune.local_lora.rehearsal.pairs import BaseAnswer, pair_up
from sqltune.local_lora.rehearsal.questions import rehearsal_questions
from sqltune.local_lora.tuning_profiles import REHEARSAL

PROMPTS = ["Who is Mara Tolvik?", "What does Mara Tolvik like?", "Tell me about Mara Tolvik."]
OPTIONS = replace(REHEARSAL, count=200)


def test_the_users_prompts_are_asked_with_other_names_only() -> None:
    questions = rehearsal_questions(PROMPTS, OPTIONS, seed=1)
    assert not [question for question in questions if "Mara Tolvik" in question]
    assert len([q for q in questions if q.startswith("Tell me about ")]) >= 5


def test_names_that_begin_alike_are_rehearsed() -> None:
    questions = rehearsal_questions(PROMPTS, OPTIONS, seed=1)
    alike = [question for question in questions if re.search(r"\bM[^ ]* T[^ ]*", question)]
    assert len(alike) >= 3


def test_no_question_is_repeated_and_none_is_the_users() -> None:
    own = [general_questions()[3], *PROMPTS]
    questions = rehearsal_questions(own, OPTIONS, seed=1)
    assert len(set(questions)) == len(questions) <= 200
    assert not set(questions) & set(own)


@pytest.mark.parametrize("user_prompts", [[], [""], ["how do i start?"], ["你好"] * 9])
def test_prompts_without_names_do_no_harm(user_prompts: list[str]) -> None:
    assert len(rehearsal_questions(user_prompts, OPTIONS, seed=1)) > 50


def test_general_questions_are_among_them() -> None:
    general = set(general_questions())
    questions = rehearsal_questions(PROMPTS, OPTIONS, seed=1)
    assert len([question for question in questions if question in general]) == 80


def test_there_are_over_two_hundred_general_questions_and_all_differ() -> None:
    assert len(set(general_questions())) == len(general_questions()) > 200


def test_the_seed_decides_the_questions() -> None:
    first = rehearsal_questions(PROMPTS, OPTIONS, seed=1)
    assert rehearsal_questions(PROMPTS, OPTIONS, seed=1) == first
    assert rehearsal_questions(PROMPTS, OPTIONS, seed=2) != first


def test_what_the_base_leaves_unanswered_is_not_rehearsed() -> None:
    (pair,) = pair_up(["A?", "B?"], [BaseAnswer(""), BaseAnswer("so it is")], 0.5)
    assert (pair.prompt, pair.response, pair.is_rehearsal) == ("B?", "so it is", True)


@pytest.mark.parametrize(
    ("mode", "by_default", "expected"),
    [("auto", True, True), ("auto", False, False), ("on", False, True), ("off", True, False)],
)
def test_only_auto_asks_for_the_default(mode: str, by_default: bool, expected: bool) -> None:
    assert RehearsalMode(mode).is_on(by_default=by_default) is expected


def test_the_end_of_an_answer_that_was_cut_off_is_not_rehearsed() -> None:
    (whole, cut) = pair_up(["A?", "B?"], [BaseAnswer("Yes."), BaseAnswer("It goes", True)], 0.5)
    assert (whole.is_cut, cut.is_cut) == (False, True)
    assert {whole.weight, cut.weight} == {0.5}
