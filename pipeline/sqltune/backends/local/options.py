"""The options that a local training really uses: the row's, and for the rest the profile's."""

from __future__ import annotations

from typing import Any

from sqltune.backends.base import TrainingJob, TrainingOptions
from sqltune.local_lora.lora_options import LoraOptions
from sqltune.local_lora.prompt_format import resolve_format
from sqltune.local_lora.rehearsal.options import RehearsalMode
from sqltune.local_lora.tuning_profiles import Tuning, find_profile


def find_tuning(job: TrainingJob, sample_count: int) -> Tuning:
    """Return what applies where the adapter's row leaves the choice open."""
    return find_profile(job.base_model.name).tune_for(sample_count, job.options.epochs)


def fill_in(job: TrainingJob, sample_count: int, tokenizer: Any) -> TrainingOptions:
    """Return the job's options with all that was left open replaced by what is really used."""
    asked, tuning = job.options, find_tuning(job, sample_count)
    profile = find_profile(job.base_model.name)
    rank = asked.lora_rank or tuning.rank
    rehearses = RehearsalMode(asked.rehearsal).is_on(by_default=profile.rehearses)
    return TrainingOptions(
        epochs=asked.epochs,
        learning_rate=asked.learning_rate or tuning.learning_rate,
        lora_rank=rank,
        lora_alpha=asked.lora_alpha or profile.alpha_for(rank),
        batch_size=asked.batch_size or tuning.batch_size,
        rehearsal=RehearsalMode.ON.value if rehearses else RehearsalMode.OFF.value,
        seed=asked.seed,
        prompt_format=resolve_format(asked.prompt_format, tokenizer),
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
