"""What an adapter rehearses grows with its prompts, and the rate falls as samples are repeated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from sqltune.local_lora.loaded_model import LoadedModel
from sqltune.local_lora.loading import load_base_model
from sqltune.local_lora.tuning_profiles import EMBEDDED, ModelFacts, find_profile
from sqltune.server.defaults import CallSteps, options_for, rate_share, steps_for
from sqltune.server.served_rehearsal import ServedRehearsal

OTHER = find_profile(ModelFacts("owner/model", "llama", 576))


@pytest.fixture
def base(tiny_model: Path) -> LoadedModel:
    return load_base_model(str(tiny_model), allowed_folders=[tiny_model])


def add(rehearsal: ServedRehearsal, prompts: Sequence[str], base: LoadedModel) -> None:
    options = replace(EMBEDDED.rehearsal, count=24)
    for _ in rehearsal.add(prompts, base, options, seed=3):
        pass


def test_the_first_call_asks_most_questions_and_a_repeated_one_none(base: LoadedModel) -> None:
    rehearsal = ServedRehearsal()
    add(rehearsal, ["Who is Pavan Belagatti?"], base)
    first = list(rehearsal.pairs)
    assert 12 < len(first) <= 24
    assert all(pair.is_rehearsal and pair.weight < 1 for pair in first)
    add(rehearsal, ["Who is Pavan Belagatti?"], base)
    assert rehearsal.pairs == first
    add(rehearsal, ["Where does Leila Haddad work?"], base)
    assert rehearsal.pairs[: len(first)] == first
    assert len(rehearsal.pairs) > len(first)


def test_what_is_taught_later_is_no_longer_rehearsed(base: LoadedModel) -> None:
    rehearsal = ServedRehearsal()
    add(rehearsal, ["Who is Pavan Belagatti?"], base)
    prompt = rehearsal.pairs[0].prompt
    add(rehearsal, [prompt], base)
    assert prompt not in [pair.prompt for pair in rehearsal.pairs]


def test_texts_without_a_prompt_still_rehearse_questions_about_strangers(base: LoadedModel) -> None:
    rehearsal = ServedRehearsal()
    add(rehearsal, [], base)
    assert rehearsal.pairs


def test_its_file_restores_it(base: LoadedModel, tmp_path: Path) -> None:
    rehearsal = ServedRehearsal()
    add(rehearsal, ["Who is Pavan Belagatti?"], base)
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


def test_a_clients_options_are_used_and_only_the_embedded_model_rehearses() -> None:
    embedded, other = options_for(EMBEDDED), options_for(OTHER)
    assert (embedded.rank, embedded.alpha, embedded.rehearses) == (64, 128, True)
    assert (other.rank, other.alpha, other.rehearses) == (16, 32, False)
    asked = options_for(EMBEDDED, rank=5, learning_rate=1e-5)
    assert (asked.rank, asked.alpha, asked.learning_rate) == (5, 10, 1e-5)


def test_few_samples_are_a_step_each_and_many_share_one() -> None:
    for profile in (EMBEDDED, OTHER):
        assert steps_for(profile, 4, rehearses=False) == CallSteps(1, None)
        assert steps_for(profile, 1_000, rehearses=False) == CallSteps(8, None)
    few = steps_for(EMBEDDED, 4, rehearses=True).rehearsal
    assert few is not None
    assert few.only_steps == 5
