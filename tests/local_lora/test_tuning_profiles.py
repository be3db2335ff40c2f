"""Everything in which base models differ by default is in their tuning profile."""

from __future__ import annotations

import pytest

from sqltune.local_lora.tuning_profiles import (
    EMBEDDED,
    FEW_SAMPLES,
    MANY_SAMPLES,
    PRETRAINED,
    TuningProfile,
    find_profile,
)


@pytest.mark.parametrize(
    ("name", "profile"),
    [
        ("sqltune/embedded", EMBEDDED),
        ("owner/model", PRETRAINED),
        ("/models/sqltune/embedded", PRETRAINED),
    ],
)
def test_a_profile_is_found_by_the_base_models_name(name: str, profile: TuningProfile) -> None:
    assert find_profile(name) is profile


def test_a_pretrained_model_is_tuned_alike_for_any_number_of_samples() -> None:
    tunings = [PRETRAINED.tune_for(count, epochs) for count in (1, 5, 6, 500) for epochs in (1, 9)]
    assert {(t.learning_rate, t.batch_size, t.rehearsal) for t in tunings} == {
        (2e-4, 8, PRETRAINED.rehearsal)
    }
    assert (PRETRAINED.rehearses, PRETRAINED.weakens_instructions) == (False, False)


@pytest.mark.parametrize(
    ("sample_count", "epochs", "rate", "batch_size", "only_steps", "rewordings"),
    [
        (1, 1, 2e-3, 1, 8, 4),
        (4, 3, 2e-3, 1, 5, 4),
        (FEW_SAMPLES - 1, 3, 2e-3, 1, 4, 4),
        (FEW_SAMPLES, 3, 1.5e-3, 1, 3, 0),
        (MANY_SAMPLES, 3, 1.5e-3, 1, 2, 0),
        (MANY_SAMPLES + 1, 3, 1.5e-3, 8, 0, 0),
    ],
)
def test_the_embedded_model_is_tuned_by_the_number_of_its_samples(
    sample_count: int,
    epochs: int,
    rate: float,
    batch_size: int,
    only_steps: int,
    rewordings: int,
) -> None:
    tuning = EMBEDDED.tune_for(sample_count, epochs)
    assert (tuning.learning_rate, tuning.batch_size) == (rate, batch_size)
    assert (tuning.rehearsal.only_steps, tuning.rehearsal.rewordings) == (only_steps, rewordings)
    assert (EMBEDDED.rehearses, EMBEDDED.weakens_instructions) == (True, True)


@pytest.mark.parametrize("profile", [EMBEDDED, PRETRAINED])
def test_another_rank_keeps_the_scale(profile: TuningProfile) -> None:
    assert profile.alpha_for(profile.rank) == profile.alpha
    assert profile.alpha_for(5) == 10
