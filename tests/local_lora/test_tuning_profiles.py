"""Everything in which base models differ by default is in their tuning profile."""

from __future__ import annotations

import pytest

from sqltune.local_lora.loaded_model import LoadedModel
from sqltune.local_lora.tuning_profiles import (
    EMBEDDED,
    ENOUGH_STEPS,
    FEW_SAMPLES,
    LARGEST_BATCH,
    MANY_SAMPLES,
    SINGLE_SAMPLES,
    ModelFacts,
    TuningProfile,
    find_profile,
)

SMOLLM2 = find_profile(ModelFacts("HuggingFaceTB/SmolLM2-135M-Instruct", "llama", 576))


@pytest.mark.parametrize(
    ("family", "hidden_size", "rate"),
    [
        ("llama", 576, 1.3e-3),
        ("llama", 4096, 2.9e-4),
        ("mistral", 4096, 2.9e-4),
        ("qwen3", 4096, 4.7e-4),
        ("mamba", None, 2e-4),
    ],
)
def test_the_learning_rate_follows_the_hidden_size_as_its_family_does(
    family: str, hidden_size: int | None, rate: float
) -> None:
    assert find_profile(ModelFacts("owner/model", family, hidden_size)).learning_rate == rate


def test_a_loaded_model_is_tuned_by_its_own_configuration(llama: LoadedModel) -> None:
    facts = ModelFacts(llama.name, "llama", llama.network.config.hidden_size)
    assert llama.profile == find_profile(facts)


def test_the_embedded_model_is_found_by_its_name_alone() -> None:
    assert find_profile(ModelFacts("sqltune/embedded", "llama", 256)) is EMBEDDED
    assert find_profile(ModelFacts("/models/sqltune/embedded", "llama", 256)) is not EMBEDDED


def test_up_to_32_samples_are_a_step_each() -> None:
    for count in (1, 5, 8, SINGLE_SAMPLES):
        assert SMOLLM2.tune_for(count, 1).batch_size == 1


@pytest.mark.parametrize("epochs", [1, 3, 10])
@pytest.mark.parametrize("count", [33, 64, 65, 150, 1_000, 100_000])
def test_a_batch_grows_only_where_enough_steps_are_left(count: int, epochs: int) -> None:
    size = SMOLLM2.tune_for(count, epochs).batch_size
    assert size <= LARGEST_BATCH
    assert size == 1 or count * epochs / size >= ENOUGH_STEPS


def test_few_samples_are_rehearsed_by_default_and_many_are_not() -> None:
    few, many = SMOLLM2.tune_for(MANY_SAMPLES), SMOLLM2.tune_for(MANY_SAMPLES + 1)
    assert (few.rehearses, many.rehearses) == (True, False)
    assert few.rehearsal.only_steps == 1
    assert many.rehearsal.only_steps == 0
    assert not SMOLLM2.weakens_instructions


@pytest.mark.parametrize(
    ("sample_count", "epochs", "rate", "only_steps", "rewordings"),
    [
        (1, 1, 2e-3, 8, 4),
        (4, 3, 2e-3, 5, 4),
        (FEW_SAMPLES - 1, 3, 2e-3, 4, 4),
        (FEW_SAMPLES, 3, 1.5e-3, 3, 0),
        (MANY_SAMPLES, 3, 1.5e-3, 2, 0),
        (MANY_SAMPLES + 1, 3, 1.5e-3, 0, 0),
    ],
)
def test_the_embedded_model_is_tuned_by_the_number_of_its_samples(
    sample_count: int, epochs: int, rate: float, only_steps: int, rewordings: int
) -> None:
    tuning = EMBEDDED.tune_for(sample_count, epochs)
    assert tuning.learning_rate == rate
    assert (tuning.rehearsal.only_steps, tuning.rehearsal.rewordings) == (only_steps, rewordings)
    assert (tuning.rehearses, EMBEDDED.weakens_instructions) == (True, True)


@pytest.mark.parametrize("profile", [EMBEDDED, SMOLLM2])
def test_another_rank_keeps_the_scale(profile: TuningProfile) -> None:
    assert profile.alpha_for(profile.rank) == profile.alpha
    assert profile.alpha_for(5) == 10
