"""How base models are tuned where an adapter's row leaves the choice open. No torch.

A profile has everything in which base models differ. `find_profile` alone decides by a base
model's name; everything else reads the profile.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqltune.local_lora.rehearsal.options import RehearsalOptions
from sqltune.local_lora.sources import EMBEDDED_FOLDER, EMBEDDED_NAME

#: Fewer samples than this are few: see `TuningProfile.few_samples_rate`.
FEW_SAMPLES = 6
#: Beyond so many samples the samples themselves keep the model as it is elsewhere, and time counts.
MANY_SAMPLES = 64
#: Steps of rehearsal alone after one step with samples, at most.
MOST_ONLY_STEPS = 8
#: What `adapters.epochs` is where a row leaves it open.
USUAL_EPOCHS = 3


@dataclass(frozen=True)
class Tuning:
    """The settings of one training."""

    #: LoRA's inner width.
    rank: int
    #: LoRA's scale times rank.
    alpha: float
    #: Peak of AdamW's learning rate.
    learning_rate: float
    #: Share of the steps in which the rate rises.
    warmup_share: float
    #: Samples per optimizer step.
    batch_size: int
    #: How much is rehearsed, if the training rehearses.
    rehearsal: RehearsalOptions


@dataclass(frozen=True)
class TuningProfile:
    """How base models of one kind are tuned by default."""

    #: LoRA's inner width.
    rank: int
    #: LoRA's scale times rank.
    alpha: float
    #: Peak of AdamW's learning rate.
    learning_rate: float
    #: The same for fewer than `FEW_SAMPLES` samples, and for calls to the server, each of which
    #: brings few.
    few_samples_rate: float
    #: Samples per optimizer step.
    batch_size: int
    #: The same beyond `MANY_SAMPLES` samples.
    many_samples_batch_size: int
    #: So few optimizer steps leave the adapter unfinished: steps of rehearsal alone fill them up.
    least_steps: int
    #: Whether a training rehearses where the row says `auto`, and an adapter of the server.
    rehearses: bool
    #: How much is rehearsed. Rewordings are for few samples only; for many samples there are no
    #: steps of rehearsal alone.
    rehearsal: RehearsalOptions
    #: Whether an instruction inside a text that is trained gets little weight: to a model of few
    #: parameters, learning what is asked leaves no room for the answer.
    weakens_instructions: bool
    #: Share of the steps in which the rate rises.
    warmup_share: float = 0.1

    def alpha_for(self, rank: int) -> int:
        """Return the alpha that scales LoRA matrices of this rank as the profile's own."""
        return round(rank * self.alpha / self.rank)

    def tune_for(self, sample_count: int, epochs: int = USUAL_EPOCHS) -> Tuning:
        """Return the settings for so many samples, each of which is seen `epochs` times."""
        is_few, are_many = sample_count < FEW_SAMPLES, sample_count > MANY_SAMPLES
        return Tuning(
            rank=self.rank,
            alpha=self.alpha,
            learning_rate=self.few_samples_rate if is_few else self.learning_rate,
            warmup_share=self.warmup_share,
            batch_size=self.many_samples_batch_size if are_many else self.batch_size,
            rehearsal=replace(
                self.rehearsal,
                only_steps=0 if are_many else self._only_steps(sample_count * epochs),
                rewordings=self.rehearsal.rewordings if is_few else 0,
            ),
        )

    def _only_steps(self, sample_steps: int) -> int:
        needed = -(-self.least_steps // max(1, sample_steps)) - 1
        return min(MOST_ONLY_STEPS, max(self.rehearsal.only_steps, needed))


#: A pretrained model of ordinary size; it rehearses only where a row asks for it.
PRETRAINED = TuningProfile(
    rank=16,
    alpha=32.0,
    learning_rate=2e-4,
    few_samples_rate=2e-4,
    batch_size=8,
    many_samples_batch_size=8,
    least_steps=0,
    rehearses=False,
    rehearsal=RehearsalOptions(),
    weakens_instructions=False,
)
#: The embedded model: a small model needs a far higher learning rate than a large one.
EMBEDDED = TuningProfile(
    rank=64,
    alpha=128.0,
    learning_rate=1.5e-3,
    few_samples_rate=2e-3,
    batch_size=1,
    many_samples_batch_size=8,
    least_steps=72,
    rehearses=True,
    rehearsal=RehearsalOptions(
        only_steps=2, rewordings=4, known_file=EMBEDDED_FOLDER / "rehearsal.json"
    ),
    weakens_instructions=True,
)


def find_profile(base_model: str) -> TuningProfile:
    """Return the profile of a base model.

    Args:
        base_model: its name, as in `adapters.base_model`.
    """
    return EMBEDDED if base_model == EMBEDDED_NAME else PRETRAINED
