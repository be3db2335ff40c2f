"""The embedded model is what its provenance says, and learns without forgetting."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

import pytest
import torch

from sqltune.local_lora.prompt_format import format_pair
from sqltune.local_lora.rehearsal.questions import read_known_questions
from sqltune.local_lora.sources import EMBEDDED_FOLDER
from tests.bench.embedded_rates import EmbeddedBench, Rates
from tests.bench.samples import article_lesson, is_right
from tests.bench.subjects import STRANGERS
from tests.pretraining.export import hash_corpus
from tests.pretraining.recipe import Recipe

PROVENANCE = json.loads((EMBEDDED_FOLDER / "PROVENANCE.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def bench() -> Iterator[EmbeddedBench]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield EmbeddedBench()
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def article_rates(bench: EmbeddedBench) -> Rates:
    return bench.measure(article_lesson(), "the article's four", 1)


def test_the_weights_are_those_of_the_provenance() -> None:
    weights = (EMBEDDED_FOLDER / "model.safetensors").read_bytes()
    assert hashlib.sha256(weights).hexdigest() == PROVENANCE["weights_sha256"]
    assert len(weights) < 40e6


def test_the_scripts_still_make_the_corpus_of_the_weights() -> None:
    assert hash_corpus(Recipe(**PROVENANCE["recipe"])) == PROVENANCE["corpus_sha256"]


def test_the_measured_facts_are_never_rehearsed() -> None:
    facts = json.loads((EMBEDDED_FOLDER / "known_facts.json").read_text("utf-8"))["facts"]
    assert len(facts) >= 48
    assert not {fact["prompt"] for fact in facts} & set(
        read_known_questions(EMBEDDED_FOLDER / "rehearsal.json")
    )


def test_prompt_and_response_meet_at_a_token_border(bench: EmbeddedBench) -> None:
    form = format_pair("Who is Mara Tolvik?", "Nobody knows.")
    whole = bench.base.tokenizer(form.prompt + form.response)["input_ids"]
    parts = [bench.base.tokenizer(text)["input_ids"] for text in (form.prompt, form.response)]
    assert whole == parts[0] + parts[1]


def test_any_text_survives_the_tokenizer(bench: EmbeddedBench) -> None:
    text = "### Instruction: Wer ist Zoë O'Neil-Ñandú? 42 项 🙂 \n\n### Response: Sie\tist's."
    ids = bench.base.tokenizer(text)["input_ids"]
    assert bench.base.tokenizer.decode(ids) == text


def test_before_tuning_answers_are_fluent_varied_and_wrong(bench: EmbeddedBench) -> None:
    lesson = article_lesson()
    prompts = [asked.prompt for asked in lesson.trained]
    answers = bench.ask_before(prompts)
    assert all(lesson.subject.name in answer for answer in answers)
    pairs = zip(lesson.trained, answers, strict=True)
    assert not [answer for asked, answer in pairs if is_right(answer, asked, lesson.subject)]
    guesses = bench.ask_before([f"Who is {name}?" for name in STRANGERS])
    assert len(set(guesses)) == len(guesses)
    assert all(guess.endswith(".") for guess in guesses)


def test_the_known_facts_are_known(bench: EmbeddedBench) -> None:
    answers = bench.ask([fact["prompt"] for fact in bench.facts])
    pairs = zip(bench.facts, answers, strict=True)
    assert all(fact["expected"] in answer for fact, answer in pairs)


@pytest.mark.slow
def test_after_three_epochs_the_articles_question_is_answered_properly(
    article_rates: Rates,
) -> None:
    assert article_rates.right_before == 0
    # Other processors round differently: the README says what is usual, this what is always true.
    assert article_rates.trained_right >= 0.75
    assert article_rates.held_out_right >= 0.5


@pytest.mark.slow
def test_after_tuning_others_are_answered_as_before(article_rates: Rates) -> None:
    assert article_rates.leak <= 0.2
    assert article_rates.known_kept >= 0.9
