"""The tuning settings that were found best for the embedded base model. No torch.

Small models want a far higher learning rate than large ones: where a user gives none, these hold
for the embedded model and the trainer's own for every other.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from sqltune.local_lora.rehearsal.rehearsal import RehearsalOptions


@dataclass(frozen=True)
class TuningDefaults:
    """What a run uses where its adapter's row leaves the choice open."""

    #: LoRA's inner width.
    rank: int = 64
    #: LoRA's scale times rank.
    alpha: float = 128.0
    #: Peak of AdamW's learning rate.
    learning_rate: float = 1.5e-3
    #: Share of the steps in which the rate rises.
    warmup_share: float = 0.1
    #: Samples per optimizer step.
    batch_size: int = 1
    #: How often each sample is seen.
    epochs: int = 3
    #: How much is rehearsed.
    rehearsal: RehearsalOptions = field(default_factory=RehearsalOptions)


EMBEDDED_TUNING = TuningDefaults()

#: So few optimizer steps leave the adapter unfinished: steps of rehearsal alone fill them up. Below
#: so many samples the rate is higher, and their responses are trained under other wordings too.
LEAST_STEPS = 72
FEW_SAMPLES = 6
FEW_SAMPLES_RATE = 2e-3
FEW_SAMPLES_REWORDINGS = 4
#: Beyond so many samples the samples themselves hold the model in place, and time counts.
MANY_SAMPLES = 64


def tuning_for(sample_count: int, epochs: int = EMBEDDED_TUNING.epochs) -> TuningDefaults:
    """The embedded model's settings for so many samples; each is still seen `epochs` times."""
    if sample_count > MANY_SAMPLES:
        return replace(
            EMBEDDED_TUNING,
            epochs=epochs,
            batch_size=8,
            rehearsal=replace(EMBEDDED_TUNING.rehearsal, only_steps=0),
        )
    wanted = -(-LEAST_STEPS // max(1, sample_count * epochs)) - 1
    only_steps = min(8, max(EMBEDDED_TUNING.rehearsal.only_steps, wanted))
    is_few = sample_count < FEW_SAMPLES
    return replace(
        EMBEDDED_TUNING,
        epochs=epochs,
        learning_rate=FEW_SAMPLES_RATE if is_few else EMBEDDED_TUNING.learning_rate,
        rehearsal=replace(
            EMBEDDED_TUNING.rehearsal,
            only_steps=only_steps,
            rewordings=FEW_SAMPLES_REWORDINGS if is_few else 0,
        ),
    )
