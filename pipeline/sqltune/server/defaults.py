"""What holds where a client leaves the choice open, and how a fine-tune call becomes steps.

Gradient's own defaults are not on record; these are the local backend's. Nobody knows how many
calls will come, so the learning rate stays after its rise. Only the embedded model, which has to
learn from few samples in few calls, is trained at a rate that falls as samples come again.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqltune.local_lora.rehearsal.rehearsal import RehearsalOptions
from sqltune.local_lora.sources import EMBEDDED_NAME
from sqltune.local_lora.tuning_defaults import (
    EMBEDDED_TUNING,
    FEW_SAMPLES_RATE,
    MANY_SAMPLES,
    tuning_for,
)

#: Optimizer steps in which a new adapter's learning rate rises.
WARMUP_STEPS = 8
#: What is left of the learning rate for samples that came often.
LEAST_RATE = 0.1
#: LoRA's scale times rank, per rank.
ALPHA_PER_RANK = 2


@dataclass(frozen=True)
class AdapterOptions:
    """With what an adapter is trained."""

    rank: int
    alpha: int
    learning_rate: float
    #: Whether the base model's own answers are trained beside the samples.
    rehearses: bool


@dataclass(frozen=True)
class CallSteps:
    """How the samples of one call are dealt out."""

    #: Samples per optimizer step.
    batch_size: int
    #: Pairs per step and steps of rehearsal alone; None where nothing is rehearsed.
    rehearsal: RehearsalOptions | None


def options_for(
    base_model: str, *, rank: int | None = None, learning_rate: float | None = None
) -> AdapterOptions:
    """The options of a new adapter; None takes the default."""
    is_embedded = base_model == EMBEDDED_NAME
    rank = rank or (EMBEDDED_TUNING.rank if is_embedded else 16)
    rate = learning_rate or (FEW_SAMPLES_RATE if is_embedded else 2e-4)
    return AdapterOptions(rank, ALPHA_PER_RANK * rank, rate, rehearses=is_embedded)


def steps_for(sample_count: int, *, rehearses: bool) -> CallSteps:
    """How a call of so many samples is dealt out, as if it were one of three."""
    tuning = tuning_for(sample_count, EMBEDDED_TUNING.epochs)
    batch_size = 1 if sample_count <= MANY_SAMPLES else tuning.batch_size
    return CallSteps(batch_size, tuning.rehearsal if rehearses else None)


def rate_share(passes: float) -> float:
    """The share of the learning rate for samples that were trained so many times already.

    With three calls of equal samples this is the local backend's even fall over three epochs.
    """
    return max(LEAST_RATE, 1 - passes / EMBEDDED_TUNING.epochs)
