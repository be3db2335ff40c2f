"""How base models are tuned where an adapter's row leaves the choice open. No torch.

A profile has everything in which base models differ. `find_profile` alone decides by what a base
model is; everything else reads the profile.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqltune.local_lora.rehearsal.options import RehearsalOptions

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
#: LoRA's inner width, and its scale times that.
RANK, ALPHA = 16, 32
#: Share of the steps in which the rate rises.
WARMUP_SHARE = 0.1
#: How much is rehearsed; for many samples there are no steps of rehearsal alone.
REHEARSAL = RehearsalOptions(count=96, per_step=4, only_steps=1, weight=1.0, answer_tokens=40)
#: So few optimizer steps leave the adapter unfinished: steps of rehearsal alone fill them up.
LEAST_STEPS = 48


@dataclass(frozen=True)
class ModelFacts:
    """What is known of a base model from its configuration."""

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
    alpha: int
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

    #: Peak of AdamW's learning rate.
    learning_rate: float

    def tune_for(self, sample_count: int, epochs: int = USUAL_EPOCHS) -> Tuning:
        """Return the settings for so many samples, each of which is seen `epochs` times."""
        are_many = sample_count > MANY_SAMPLES
        only_steps = 0 if are_many else _only_steps(sample_count * epochs)
        return Tuning(
            rank=RANK,
            alpha=ALPHA,
            learning_rate=self.learning_rate,
            warmup_share=WARMUP_SHARE,
            batch_size=_batch_size(sample_count, epochs),
            rehearses=not are_many,
            rehearsal=replace(REHEARSAL, only_steps=only_steps),
        )


def find_profile(facts: ModelFacts) -> TuningProfile:
    """Return the profile of a base model."""
    return TuningProfile(_learning_rate(facts))


def alpha_for(rank: int) -> int:
    """Return the alpha that scales LoRA matrices of this rank as those of the usual rank."""
    return round(rank * ALPHA / RANK)


def _learning_rate(facts: ModelFacts) -> float:
    if not facts.hidden_size:
        return _UNKNOWN_RATE
    falls = next((p for f, p in _FALLS.items() if facts.family.startswith(f)), _LLAMA_FALLS)
    return float(f"{_RATE * (_HIDDEN_SIZE / facts.hidden_size) ** falls:.2g}")


def _only_steps(sample_steps: int) -> int:
    needed = -(-LEAST_STEPS // max(1, sample_steps)) - 1
    return min(MOST_ONLY_STEPS, max(REHEARSAL.only_steps, needed))


def _batch_size(sample_count: int, epochs: int) -> int:
    """Return the largest batch that leaves enough steps, a power of two."""
    if sample_count <= SINGLE_SAMPLES:
        return 1
    size = 1
    while size < LARGEST_BATCH and sample_count * epochs >= 2 * size * ENOUGH_STEPS:
        size *= 2
    return size
