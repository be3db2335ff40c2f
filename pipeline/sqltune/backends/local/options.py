"""The options that a local training really uses: the row's, and for the rest the profile's.

No torch, so that a plan can show them.
"""

from __future__ import annotations

from dataclasses import replace

from sqltune.backends.base import TrainingOptions
from sqltune.local_lora.rehearsal.options import RehearsalMode
from sqltune.local_lora.steps import StepOrder
from sqltune.local_lora.tuning_profiles import Tuning, TuningProfile, alpha_for


def fill_in(
    asked: TrainingOptions, profile: TuningProfile, sample_count: int, prompt_format: str
) -> TrainingOptions:
    """Return the options with all that was left open replaced by what is really used.

    Args:
        asked: as the row says.
        profile: the base model's.
        sample_count: how many samples there are.
        prompt_format: what the row's stands for with this base model.
    """
    tuning = profile.tune_for(sample_count, asked.epochs)
    rank = asked.lora_rank or tuning.rank
    rehearses = RehearsalMode(asked.rehearsal).is_on(by_default=tuning.rehearses)
    return replace(
        asked,
        learning_rate=asked.learning_rate or tuning.learning_rate,
        lora_rank=rank,
        lora_alpha=asked.lora_alpha or alpha_for(rank),
        batch_size=asked.batch_size or tuning.batch_size,
        rehearsal=RehearsalMode.ON.value if rehearses else RehearsalMode.OFF.value,
        prompt_format=prompt_format,
    )


def make_order(
    options: TrainingOptions,
    tuning: Tuning,
    sample_count: int,
    pair_count: int,
    lengths: tuple[int, ...] | None = None,
) -> StepOrder:
    """Return the steps of a training whose options are filled in.

    Args:
        options: filled in.
        tuning: the profile's settings for so many samples.
        sample_count: how many samples there are.
        pair_count: how many rehearsal pairs there are.
        lengths: of the samples; None: they are not sorted.
    """
    rehearsal = tuning.rehearsal
    return StepOrder(
        sample_count=sample_count,
        rehearsal_count=pair_count,
        epochs=options.epochs,
        batch_size=options.batch_size or 1,
        rehearsal_per_step=rehearsal.per_step if pair_count else 0,
        rehearsal_only_steps=rehearsal.only_steps if pair_count else 0,
        seed=options.seed,
        lengths=lengths,
    )
