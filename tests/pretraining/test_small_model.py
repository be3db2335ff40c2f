"""The small model of the tests is what its provenance says, and fit to be taught something."""

from __future__ import annotations

import hashlib
import json

import pytest

from sqltune.local_lora.asked_questions import Question
from sqltune.local_lora.loaded_model import LoadedModel
from sqltune.local_lora.loading import load_base_model
from sqltune.local_lora.prompt_format import format_pair
from sqltune.local_lora.sampling import Sampling
from tests.pretraining.export import hash_corpus
from tests.pretraining.recipe import Recipe
from tests.small_model import SMALL_MODEL

PROVENANCE = json.loads((SMALL_MODEL / "PROVENANCE.json").read_text("utf-8"))
STRANGERS = ("Pavan Belagatti", "Marta Okafor", "Jonas Lindqvist", "Ona Pell", "Xu Tolvik")


@pytest.fixture(scope="module")
def base() -> LoadedModel:
    return load_base_model(str(SMALL_MODEL), allowed_folders=[SMALL_MODEL.parent], threads=1)


def ask(base: LoadedModel, prompts: list[str]) -> list[str]:
    answers = base.answer([Question(p) for p in prompts], sampling=Sampling(max_new_tokens=72))
    texts = {answer.index: answer.text or "" for answer in answers}
    return [texts[place] for place in range(len(prompts))]


def test_the_weights_are_those_of_the_provenance() -> None:
    weights = (SMALL_MODEL / "model.safetensors").read_bytes()
    assert hashlib.sha256(weights).hexdigest() == PROVENANCE["weights_sha256"]


def test_the_scripts_still_make_the_corpus_of_the_weights() -> None:
    assert hash_corpus(Recipe(**PROVENANCE["recipe"])) == PROVENANCE["corpus_sha256"]


def test_prompt_and_response_meet_at_a_token_border(base: LoadedModel) -> None:
    form = format_pair("Who is Mara Tolvik?", "Nobody knows.", tokenizer=base.tokenizer)
    whole = base.tokenizer(form.prompt + form.response)["input_ids"]
    parts = [base.tokenizer(text)["input_ids"] for text in (form.prompt, form.response)]
    assert whole == parts[0] + parts[1]


def test_any_text_survives_the_tokenizer(base: LoadedModel) -> None:
    text = "### Instruction: Wer ist Zoë O'Neil-Ñandú? 42 項 🙂 \n\n### Response: Sie\tist's."
    assert base.tokenizer.decode(base.tokenizer(text)["input_ids"]) == text


def test_answers_about_strangers_are_fluent_and_varied(base: LoadedModel) -> None:
    guesses = ask(base, [f"Who is {name}?" for name in STRANGERS])
    assert all(guess.endswith(".") for guess in guesses)
    assert len(set(guesses)) == len(STRANGERS)
    assert "developer advocate" not in guesses[0]


def test_it_knows_what_the_tests_take_for_known(base: LoadedModel) -> None:
    austria, opposite = ask(
        base, ["What is the capital of Austria?", "What is the opposite of hot?"]
    )
    assert "Vienna" in austria
    assert "cold" in opposite
