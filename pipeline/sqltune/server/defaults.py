"""What applies where a client leaves the choice open, and how a fine-tune call becomes steps.

Gradient's own defaults are not on record; these come from the base model's tuning profile. How many
calls there will be is not known, so the learning rate stays after its rise. Only where a call
rehearses, to learn from few samples in few calls, does the rate fall as samples are repeated.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqltune.local_lora.rehearsal.options import RehearsalOptions
from sqltune.local_lora.tuning_profiles import (
    LARGEST_BATCH,
    MANY_SAMPLES,
    RANK,
    USUAL_EPOCHS,
    TuningProfile,
    alpha_for,
)

#: Optimizer steps in which a new adapter's learning rate rises.
WARMUP_STEPS = 8
#: The least share of the learning rate, for samples that were often trained.
LEAST_RATE = 0.1


@dataclass(frozen=True)
class AdapterOptions:
    """The options of an adapter's training."""

    rank: int
    alpha: int
    learning_rate: float


@dataclass(frozen=True)
class CallSteps:
    """How the samples of one call become steps."""

    #: Samples per optimizer step.
    batch_size: int
    #: How much is rehearsed; None where nothing is.
    rehearsal: RehearsalOptions | None


def options_for(
    profile: TuningProfile, *, rank: int | None = None, learning_rate: float | None = None
) -> AdapterOptions:
    """Return the options of a new adapter; None takes the default."""
    rank = rank or RANK
    return AdapterOptions(rank, alpha_for(rank), learning_rate or profile.learning_rate)


def steps_for(profile: TuningProfile, sample_count: int, *, rehearses: bool) -> CallSteps:
    """Return how a call of so many samples becomes steps, as if it were one of three.

    Args:
        profile: the base model's.
        sample_count: samples of the call.
        rehearses: whether the adapter rehearses, which a call of many samples does not.
    """
    batch_size = 1 if sample_count <= MANY_SAMPLES else LARGEST_BATCH
    tuning = profile.tune_for(sample_count, USUAL_EPOCHS)
    return CallSteps(batch_size, tuning.rehearsal if rehearses and tuning.rehearses else None)


def rate_share(passes: float) -> float:
    """Return the share of the learning rate for samples that were trained so many times already.

    With three calls of equal samples this is the local backend's even fall over three epochs.
    """
    return max(LEAST_RATE, 1 - passes / USUAL_EPOCHS)
