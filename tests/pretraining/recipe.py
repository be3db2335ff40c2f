"""The figures of the pretraining, all in one place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """Shape, data and optimizers of the small base model."""

    #: Decides weights at the start and every document.
    seed: int = 1
    #: Tokens in the vocabulary, special ones included.
    vocabulary_size: int = 2048
    layers: int = 6
    width: int = 256
    inner_width: int = 704
    heads: int = 8
    key_value_heads: int = 4
    #: Packed rows per optimizer step and tokens per row.
    rows: int = 26
    length: int = 160
    #: Optimizer steps in all.
    steps: int = 2400
    #: Steps in which the rates rise at the start, and share of the steps in which they fall.
    warmup_steps: int = 100
    decay_share: float = 0.4
    #: Highest learning rates.
    muon_rate: float = 2e-3
    adam_rate: float = 2e-3
    weight_decay: float = 0.01
    #: Steps that share one seed of documents; a run resumes only between two such chunks.
    chunk_steps: int = 50

    def rate_at(self, step: int) -> float:
        """Return the factor on the learning rates: rising, level, then falling evenly to zero."""
        fall = max(1.0, self.decay_share * self.steps)
        return max(0.0, min(1.0, (step + 1) / self.warmup_steps, (self.steps - step) / fall))
