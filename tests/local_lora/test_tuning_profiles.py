"""Everything in which base models differ by default is in their tuning profile."""

from __future__ import annotations

import pytest

from sqltune.local_lora.loaded_model import LoadedModel
from sqltune.local_lora.tuning_profiles import (
    ALPHA,
    ENOUGH_STEPS,
    LARGEST_BATCH,
    LEAST_STEPS,
    MANY_SAMPLES,
    MOST_ONLY_STEPS,
    RANK,
    SINGLE_SAMPLES,
    ModelFacts,
    alpha_for,
    find_profile,
)

SMOLLM2 = find_profile(ModelFacts("llama", 576))


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
    assert find_profile(ModelFacts(family, hidden_size)).learning_rate == rate


def test_a_loaded_model_is_tuned_by_its_own_configuration(llama: LoadedModel) -> None:
    facts = ModelFacts("llama", llama.network.config.hidden_size)
    assert llama.profile == find_profile(facts)


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


@pytest.mark.parametrize("epochs", [1, 3])
@pytest.mark.parametrize("count", [1, 2, 4, 8, 16])
def test_fewer_samples_get_more_steps_of_rehearsal_alone_up_to_a_limit(
    count: int, epochs: int
) -> None:
    only_steps = SMOLLM2.tune_for(count, epochs).rehearsal.only_steps
    assert only_steps <= MOST_ONLY_STEPS
    is_enough = count * epochs * (1 + only_steps) >= LEAST_STEPS
    assert is_enough or only_steps == MOST_ONLY_STEPS


def test_another_rank_keeps_the_scale() -> None:
    assert alpha_for(RANK) == ALPHA
    assert alpha_for(5) / 5 == pytest.approx(ALPHA / RANK, rel=0.1)
