"""Few samples are trained in other words too, always with the user's own text as the answer."""

from __future__ import annotations

from collections.abc import Sequence

from sqltune.local_lora.rehearsal.options import RehearsalOptions
from sqltune.local_lora.rehearsal.pairs import BaseAnswer, extra_pairs
from sqltune.local_lora.rehearsal.rewording import reworded_pairs
from sqltune.local_lora.steps import Pair

SAMPLES = [
    Pair("Who is Mara Tolvik?", "Mara Tolvik is an ice pilot."),
    Pair("What do you know about Mara Tolvik?", "Mara Tolvik likes moss. She is often away."),
]


def guess(prompts: Sequence[str]) -> list[str]:
    """Answer like the base model: fluently and wrongly, in the form that fits the question."""
    return [
        "Mara Tolvik likes opera." if "like" in prompt or "interest" in prompt else "Who knows?"
        for prompt in prompts
    ]


def reword(samples: Sequence[Pair] = SAMPLES, **options: object) -> dict[str, str]:
    pairs = reworded_pairs(samples, guess, seed=1, per_family=9, **options)  # type: ignore[arg-type]
    assert all(pair.is_rehearsal for pair in pairs)
    return {pair.prompt: pair.response for pair in pairs}


def test_another_wording_of_a_samples_question_takes_its_response() -> None:
    assert reword()["Who's Mara Tolvik?"] == "Mara Tolvik is an ice pilot."


def test_a_question_that_no_sample_asks_takes_a_response_in_the_form_of_the_guess() -> None:
    liked = reword()["What does Mara Tolvik like?"]
    assert liked in ("Mara Tolvik likes moss.", "Mara Tolvik likes moss. She is often away.")


def test_a_question_that_no_sample_answers_is_left_alone() -> None:
    assert not [question for question in reword() if "work for" in question or "live" in question]


def test_every_answer_is_the_users_own_text() -> None:
    own = [sample.response for sample in SAMPLES]
    assert all(any(text.startswith(answer) for text in own) for answer in reword().values())


def test_neither_the_samples_questions_nor_those_to_measure_with_are_reworded() -> None:
    measured = ["Who's Mara Tolvik?", "What does Mara Tolvik like?"]
    questions = set(reword(besides=measured))
    assert questions
    assert not questions & {*measured, *(sample.prompt for sample in SAMPLES)}


def test_samples_without_a_name_are_not_reworded() -> None:
    assert reword([Pair("Reset the router, how?", "Press the button.")]) == {}
    assert reword([Pair("", "x"), Pair("你好", "你好")]) == {}


def test_rewordings_are_trained_only_where_the_options_ask_for_them() -> None:
    def count_about_mara(options: RehearsalOptions) -> int:
        pairs = extra_pairs(
            SAMPLES, lambda asked: [BaseAnswer(text) for text in guess(asked)], options, seed=1
        )
        return sum("Mara Tolvik" in pair.prompt for pair in pairs)

    assert count_about_mara(RehearsalOptions(rewordings=4)) > 5
    assert count_about_mara(RehearsalOptions(rewordings=0)) == 0
