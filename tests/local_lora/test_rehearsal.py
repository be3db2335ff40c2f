"""What the base model is asked, so that its own answers survive the tuning."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from sqltune.local_lora.rehearsal.general_questions import general_questions
from sqltune.local_lora.rehearsal.options import RehearsalMode, RehearsalOptions
from sqltune.local_lora.rehearsal.pairs import BaseAnswer, extra_pairs, pair_up
from sqltune.local_lora.rehearsal.questions import rehearsal_questions
from sqltune.local_lora.steps import Pair

PROMPTS = ["Who is Mara Tolvik?", "What does Mara Tolvik like?", "Tell me about Mara Tolvik."]


@pytest.fixture
def options(tmp_path: Path) -> RehearsalOptions:
    """200 questions, some of them from a list that the base model is known to answer."""
    path = tmp_path / "rehearsal.json"
    fields = {"known": [f"What is fact {i}?" for i in range(200)]}
    path.write_text(json.dumps(fields), encoding="utf-8")
    return RehearsalOptions(count=200, known_file=path)


def test_the_users_prompts_are_asked_with_other_names_only(options: RehearsalOptions) -> None:
    questions = rehearsal_questions(PROMPTS, options, seed=1)
    assert not [question for question in questions if "Mara Tolvik" in question]
    assert len([q for q in questions if q.startswith("Tell me about ")]) >= 5


def test_names_that_begin_alike_are_rehearsed(options: RehearsalOptions) -> None:
    questions = rehearsal_questions(PROMPTS, options, seed=1)
    alike = [question for question in questions if re.search(r"\bM[^ ]* T[^ ]*", question)]
    assert len(alike) >= 3


def test_no_question_is_repeated_and_none_is_the_users(options: RehearsalOptions) -> None:
    questions = rehearsal_questions(["What is fact 3?", *PROMPTS], options, seed=1)
    assert len(set(questions)) == len(questions) <= 200
    assert not set(questions) & {"What is fact 3?", *PROMPTS}


@pytest.mark.parametrize("user_prompts", [[], [""], ["how do i start?"], ["你好"] * 9])
def test_prompts_without_names_do_no_harm(
    user_prompts: list[str], options: RehearsalOptions
) -> None:
    assert len(rehearsal_questions(user_prompts, options, seed=1)) > 50


def test_general_questions_are_asked_where_a_base_model_has_no_list_of_its_own(
    options: RehearsalOptions,
) -> None:
    general = set(general_questions())
    with_list = rehearsal_questions(PROMPTS, options, seed=1)
    without = rehearsal_questions(PROMPTS, RehearsalOptions(count=200), seed=1)
    assert len([question for question in with_list if "fact" in question]) == 80
    assert len([question for question in without if question in general]) == 80
    assert not general & set(with_list)


def test_there_are_over_two_hundred_general_questions_and_all_differ() -> None:
    assert len(set(general_questions())) == len(general_questions()) > 200


def test_the_seed_decides_the_questions(options: RehearsalOptions) -> None:
    first = rehearsal_questions(PROMPTS, options, seed=1)
    assert rehearsal_questions(PROMPTS, options, seed=1) == first
    assert rehearsal_questions(PROMPTS, options, seed=2) != first


def test_what_the_base_leaves_unanswered_is_not_rehearsed(options: RehearsalOptions) -> None:
    pairs = extra_pairs(
        [Pair(prompt, "so it was") for prompt in PROMPTS],
        lambda questions: [BaseAnswer("" if "fact" in q else "so it is") for q in questions],
        options,
        seed=1,
    )
    assert len(pairs) > 50
    assert not [pair for pair in pairs if "fact" in pair.prompt]
    assert {(pair.is_rehearsal, pair.response) for pair in pairs} == {(True, "so it is")}


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
