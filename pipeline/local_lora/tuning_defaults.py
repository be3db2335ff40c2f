"""The tuning settings that were found best for the embedded base model. No torch.

Small models want a far higher learning rate than large ones: where a user gives none, these hold
for the embedded model and the trainer's own for every other.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.local_lora.rehearsal import RehearsalOptions


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
#: For a pretrained model of ordinary size; rehearsal only where a row asks for it.
OTHER_TUNING = TuningDefaults(
    rank=16,
    alpha=32.0,
    learning_rate=2e-4,
    batch_size=8,
    rehearsal=RehearsalOptions(per_step=4, only_steps=0),
)
