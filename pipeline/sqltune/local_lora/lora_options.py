"""The options of one adapter's training, and the figures of each of its steps. No torch."""

from __future__ import annotations

from dataclasses import dataclass

from sqltune.local_lora.optimiser import Schedule


@dataclass(frozen=True)
class LoraOptions:
    """What the weights depend on, besides base model and samples."""

    #: r: inner width of each LoRA pair.
    rank: int = 16
    #: The LoRA part is multiplied by alpha / rank.
    alpha: int = 32
    #: Share of a LoRA pair's input that is dropped while training; above 0 training is padded.
    dropout: float = 0.0
    #: Highest learning rate.
    learning_rate: float = 2e-4
    #: Share of the steps in which the rate rises.
    warmup_share: float = 0.1
    #: How it changes afterwards.
    schedule: Schedule = Schedule.LINEAR
    #: The gradient is shortened to this length; 0 leaves it.
    max_gradient_norm: float = 1.0
    #: AdamW's.
    weight_decay: float = 0.0
    #: Decides the first values of A and what dropout drops.
    seed: int = 0
    #: Tokens computed at once; a larger step is added up from several parts. Bounds the memory.
    tokens_at_once: int = 2048
    #: How samples are put into words; None: as the base model is asked by default.
    prompt_format: str | None = None


@dataclass(frozen=True)
class LoraStep:
    """One optimizer step; losses are in nats, before the step."""

    #: 1, 2, 3 …
    step: int
    #: Weighted mean over all trained tokens.
    loss: float
    #: Of this step.
    learning_rate: float
    #: Prompt and response, without padding.
    tokens: int
    #: Tokens that count in the loss.
    trained_tokens: int
    #: Length of the gradient before it was shortened.
    gradient_norm: float
    #: Duration of the step.
    seconds: float
    #: Loss summed over the samples' trained tokens, unweighted, rehearsal left out.
    sample_loss_sum: float
    #: How many tokens these are.
    sample_tokens: int

    @property
    def sample_loss(self) -> float | None:
        """Mean loss over the samples' trained tokens; None where the step has none."""
        return self.sample_loss_sum / self.sample_tokens if self.sample_tokens else None
