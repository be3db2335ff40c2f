"""What an adapter rehearses grows with its prompts, and the rate falls as samples are repeated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from sqltune.local_lora.asked_questions import Question
from sqltune.local_lora.loading import load_base_model
from sqltune.local_lora.lora_options import LoraOptions
from sqltune.local_lora.sampling import Sampling
from sqltune.local_lora.training import LoraTrainer
from sqltune.local_lora.tuning_profiles import (
    ALPHA,
    MANY_SAMPLES,
    RANK,
    REHEARSAL,
    ModelFacts,
    alpha_for,
    find_profile,
)
from sqltune.prompt_formats import CHAT, PLAIN
from sqltune.server.defaults import CallSteps, options_for, rate_share, steps_for
from sqltune.server.served_rehearsal import ServedRehearsal
from tests.local_lora.chat_templates import CHATML

PROFILE = find_profile(ModelFacts("llama", 576))


@pytest.fixture(params=[PLAIN, CHAT])
def trainer(tiny_model: Path, request: pytest.FixtureRequest) -> LoraTrainer:
    """An untrained adapter whose samples have one of two forms."""
    base = load_base_model(str(tiny_model), allowed_folders=[tiny_model])
    base.tokenizer.chat_template = CHATML
    return LoraTrainer(base, LoraOptions(rank=2, prompt_format=request.param), 9)


def add(rehearsal: ServedRehearsal, prompts: Sequence[str], trainer: LoraTrainer) -> None:
    options = replace(REHEARSAL, count=24)
    for _ in rehearsal.add(prompts, trainer, options, seed=3):
        pass


def test_the_base_model_is_asked_in_the_form_in_which_its_answers_are_trained(
    trainer: LoraTrainer,
) -> None:
    rehearsal = ServedRehearsal()
    add(rehearsal, ["Who is Pavan Belagatti?"], trainer)
    pair = rehearsal.pairs[0]
    asked = Question(pair.prompt, prompt_format=trainer.options.prompt_format)
    (answer,) = trainer.base.answer([asked], sampling=Sampling(REHEARSAL.answer_tokens))
    assert answer.text == pair.response
    learned = trainer.base.tokenizer.decode(trainer.tokenise(pair).token_ids)
    assert ("### Instruction:" in learned) is (trainer.options.prompt_format == PLAIN)


def test_questions_that_cannot_be_asked_are_counted_in_the_log(
    trainer: LoraTrainer, caplog: pytest.LogCaptureFixture
) -> None:
    trainer.base.tokenizer.chat_template = "{{ raise_exception('no questions here') }}"
    rehearsal = ServedRehearsal()
    add(rehearsal, ["Who is Pavan Belagatti?"], trainer)
    is_refused = trainer.options.prompt_format == CHAT
    assert bool(rehearsal.pairs) is not is_refused
    assert ("24 of 24 questions could not be asked" in caplog.text) is is_refused
    assert ("no questions here" in caplog.text) is is_refused


def test_the_first_call_asks_most_questions_and_a_repeated_one_none(trainer: LoraTrainer) -> None:
    rehearsal = ServedRehearsal()
    add(rehearsal, ["Who is Pavan Belagatti?"], trainer)
    first = list(rehearsal.pairs)
    assert 12 < len(first) <= 24
    assert all(pair.is_rehearsal for pair in first)
    add(rehearsal, ["Who is Pavan Belagatti?"], trainer)
    assert rehearsal.pairs == first
    add(rehearsal, ["Where does Leila Haddad work?"], trainer)
    assert rehearsal.pairs[: len(first)] == first
    assert len(rehearsal.pairs) > len(first)


def test_what_is_taught_later_is_no_longer_rehearsed(trainer: LoraTrainer) -> None:
    rehearsal = ServedRehearsal()
    add(rehearsal, ["Who is Pavan Belagatti?"], trainer)
    prompt = rehearsal.pairs[0].prompt
    add(rehearsal, [prompt], trainer)
    assert prompt not in [pair.prompt for pair in rehearsal.pairs]


def test_texts_without_a_prompt_still_rehearse_questions_about_strangers(
    trainer: LoraTrainer,
) -> None:
    rehearsal = ServedRehearsal()
    add(rehearsal, [], trainer)
    assert rehearsal.pairs


def test_its_file_restores_it(trainer: LoraTrainer, tmp_path: Path) -> None:
    rehearsal = ServedRehearsal()
    add(rehearsal, ["Who is Pavan Belagatti?"], trainer)
    rehearsal.count_pass(["a", "b"])
    rehearsal.write(tmp_path)
    assert ServedRehearsal.read(tmp_path) == rehearsal
    assert ServedRehearsal.read(tmp_path / "none") == ServedRehearsal()


def test_passes_are_counted_per_sample() -> None:
    rehearsal = ServedRehearsal()
    assert rehearsal.passes(["a", "b"]) == 0
    rehearsal.count_pass(["a", "b"])
    rehearsal.count_pass(["a"])
    assert rehearsal.passes(["a", "b"]) == 1.5
    assert rehearsal.passes(["new"]) == 0


def test_the_rate_falls_evenly_over_three_passes_and_never_to_zero() -> None:
    assert [rate_share(passes) for passes in (0, 1.5, 3, 9)] == [1, 0.5, 0.1, 0.1]


def test_a_clients_options_are_used_before_the_profiles() -> None:
    usual = options_for(PROFILE)
    assert (usual.rank, usual.alpha) == (RANK, ALPHA)
    assert usual.learning_rate == PROFILE.learning_rate
    asked = options_for(PROFILE, rank=5, learning_rate=1e-5)
    assert (asked.rank, asked.alpha, asked.learning_rate) == (5, alpha_for(5), 1e-5)


def test_few_samples_are_a_step_each_and_many_share_one() -> None:
    assert steps_for(PROFILE, 4, rehearses=False) == CallSteps(1, None)
    assert steps_for(PROFILE, 1_000, rehearses=False) == CallSteps(8, None)


def test_a_call_rehearses_as_a_training_of_three_epochs_does() -> None:
    few, many = (steps_for(PROFILE, count, rehearses=True) for count in (4, MANY_SAMPLES + 1))
    assert few.rehearsal == PROFILE.tune_for(4).rehearsal
    assert many.rehearsal is None
