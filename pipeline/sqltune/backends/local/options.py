"""The options that a local training really uses: the row's, and for the rest the profile's."""

from __future__ import annotations

from dataclasses import replace

from sqltune.backends.base import TrainingOptions
from sqltune.local_lora.loaded_model import LoadedModel
from sqltune.local_lora.lora_options import LoraOptions
from sqltune.local_lora.prompt_format import resolve_format
from sqltune.local_lora.rehearsal.options import RehearsalMode
from sqltune.local_lora.tuning_profiles import Tuning, alpha_for


def fill_in(asked: TrainingOptions, base: LoadedModel, sample_count: int) -> TrainingOptions:
    """Return the options with all that was left open replaced by what is really used."""
    tuning = base.profile.tune_for(sample_count, asked.epochs)
    rank = asked.lora_rank or tuning.rank
    rehearses = RehearsalMode(asked.rehearsal).is_on(by_default=tuning.rehearses)
    return replace(
        asked,
        learning_rate=asked.learning_rate or tuning.learning_rate,
        lora_rank=rank,
        lora_alpha=asked.lora_alpha or alpha_for(rank),
        batch_size=asked.batch_size or tuning.batch_size,
        rehearsal=RehearsalMode.ON.value if rehearses else RehearsalMode.OFF.value,
        prompt_format=resolve_format(asked.prompt_format, base.tokenizer),
    )


def make_lora_options(options: TrainingOptions, tuning: Tuning) -> LoraOptions:
    """Return what the trainer needs of options that are filled in."""
    return LoraOptions(
        rank=options.lora_rank or 1,
        alpha=float(options.lora_alpha or 1),
        learning_rate=options.learning_rate or 0.0,
        warmup_share=tuning.warmup_share,
        seed=options.seed,
        prompt_format=options.prompt_format,
    )
