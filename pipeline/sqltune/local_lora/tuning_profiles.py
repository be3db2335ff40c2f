"""How base models are tuned where an adapter's row leaves the choice open. No torch.

A profile has everything in which base models differ. `find_profile` alone decides by what a base
model is; everything else reads the profile.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqltune.local_lora.rehearsal.options import RehearsalOptions
from sqltune.local_lora.sources import EMBEDDED_FOLDER, EMBEDDED_NAME

#: Fewer samples than this are few: see `TuningProfile.few_samples_rate`.
FEW_SAMPLES = 6
#: Up to so many samples, each is an optimizer step of its own.
SINGLE_SAMPLES = 32
#: Beyond so many samples the samples themselves keep the model as it is elsewhere, and time counts.
MANY_SAMPLES = 64
#: Steps of rehearsal alone after one step with samples, at most.
MOST_ONLY_STEPS = 8
#: What `adapters.epochs` is where a row leaves it open.
USUAL_EPOCHS = 3
#: So many optimizer steps make full use of samples; a batch grows only where there are more.
ENOUGH_STEPS = 100
#: The largest batch: LoRA learns less from few large steps than from many small ones.
LARGEST_BATCH = 8
#: LoRA's rate at this hidden size, and how it falls with larger ones; by family, Llama's for all
#: others. From "LoRA without regret" (Thinking Machines, 2025), as its cookbook computes it.
_RATE, _HIDDEN_SIZE = 5e-4, 2000
_FALLS = {"qwen": 0.0775}
_LLAMA_FALLS = 0.781
#: For a configuration that does not show its hidden size.
_UNKNOWN_RATE = 2e-4
#: What a pretrained model rehearses, and its `TuningProfile.least_steps`.
REHEARSAL = RehearsalOptions(count=96, per_step=4, only_steps=1, weight=1.0, answer_tokens=40)
LEAST_STEPS = 48


@dataclass(frozen=True)
class ModelFacts:
    """What is known of a base model from its configuration."""

    #: As in adapters.base_model.
    name: str
    #: transformers' `model_type`, such as llama or qwen3.
    family: str
    #: Width of the hidden states; None: the configuration does not show it.
    hidden_size: int | None


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
    #: Whether it rehearses where the row says `auto`.
    rehearses: bool
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
    #: So few optimizer steps leave the adapter unfinished: steps of rehearsal alone fill them up.
    least_steps: int
    #: How much is rehearsed. Rewordings are for few samples only; for many samples there are no
    #: steps of rehearsal alone.
    rehearsal: RehearsalOptions
    #: Whether more than `MANY_SAMPLES` samples are rehearsed too where the row says `auto`.
    rehearses_many: bool
    #: Whether an adapter of the server rehearses. A client waits for each call meanwhile.
    rehearses_served: bool
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
            batch_size=_batch_size(sample_count, epochs),
            rehearses=self.rehearses_many or not are_many,
            rehearsal=replace(
                self.rehearsal,
                only_steps=0 if are_many else self._only_steps(sample_count * epochs),
                rewordings=self.rehearsal.rewordings if is_few else 0,
            ),
        )

    def _only_steps(self, sample_steps: int) -> int:
        needed = -(-self.least_steps // max(1, sample_steps)) - 1
        return min(MOST_ONLY_STEPS, max(self.rehearsal.only_steps, needed))


#: The embedded model: a small model needs a far higher learning rate than a large one.
EMBEDDED = TuningProfile(
    rank=64,
    alpha=128.0,
    learning_rate=1.5e-3,
    few_samples_rate=2e-3,
    least_steps=72,
    rehearsal=RehearsalOptions(
        only_steps=2, rewordings=4, known_file=EMBEDDED_FOLDER / "rehearsal.json"
    ),
    rehearses_many=True,
    rehearses_served=True,
    weakens_instructions=True,
)


def find_profile(facts: ModelFacts) -> TuningProfile:
    """Return the profile of a base model."""
    if facts.name == EMBEDDED_NAME:
        return EMBEDDED
    rate = _learning_rate(facts)
    return TuningProfile(
        rank=16,
        alpha=32.0,
        learning_rate=rate,
        few_samples_rate=rate,
        least_steps=LEAST_STEPS,
        rehearsal=REHEARSAL,
        rehearses_many=False,
        rehearses_served=False,
        weakens_instructions=False,
    )


def _learning_rate(facts: ModelFacts) -> float:
    if not facts.hidden_size:
        return _UNKNOWN_RATE
    falls = next((p for f, p in _FALLS.items() if facts.family.startswith(f)), _LLAMA_FALLS)
    return float(f"{_RATE * (_HIDDEN_SIZE / facts.hidden_size) ** falls:.2g}")


def _batch_size(sample_count: int, epochs: int) -> int:
    """Return the largest batch that leaves enough steps, a power of two."""
    if sample_count <= SINGLE_SAMPLES:
        return 1
    size = 1
    while size < LARGEST_BATCH and sample_count * epochs >= 2 * size * ENOUGH_STEPS:
        size *= 2
    return size
