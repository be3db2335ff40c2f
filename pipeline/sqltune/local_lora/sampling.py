"""How the next token of an answer is chosen: greedily, or drawn from a seed and the prompt."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

#: Below, the likeliest token has all of the probability, and quotients leave the number format.
_GREEDY_BELOW = 1e-6
#: Above, all tokens are equally likely.
_UNIFORM_ABOVE = 1e6


@dataclass(frozen=True)
class Sampling:
    """How answers are generated; equal settings give equal answers."""

    #: Longest answer of a question that does not say it itself.
    max_new_tokens: int = 128
    #: 0, and what is nearly 0, takes the likeliest token; else logits are divided by it and a
    #: token is drawn.
    temperature: float = 0.0
    #: Draw among the likeliest tokens that have this probability together, the likeliest one at
    #: least; 1 draws among all.
    top_p: float = 1.0
    #: Decides every draw, together with the prompt and the position.
    seed: int = 0
    #: Draw among so many of the likeliest tokens, before `top_p`; 0 draws among all.
    top_k: int = 0

    def __post_init__(self) -> None:
        """Refuse values without a meaning."""
        if self.max_new_tokens < 1:
            raise ValueError(f"max_new_tokens must be positive, got {self.max_new_tokens}")
        if not self.temperature >= 0:
            raise ValueError(f"temperature must be 0 or more, got {self.temperature}")
        if not 0 <= self.top_p <= 1:
            raise ValueError(f"top_p must be between 0 and 1, got {self.top_p}")
        if self.top_k < 0:
            raise ValueError(f"top_k must be 0 or more, got {self.top_k}")

    @property
    def is_greedy(self) -> bool:
        """Whether equal prompts get equal answers, because nothing is drawn."""
        return self.temperature < _GREEDY_BELOW


class TokenChooser:
    """Chooses tokens so that a row's choice does not depend on the other rows."""

    def __init__(self, sampling: Sampling) -> None:
        """Choose by these settings."""
        self._sampling = sampling

    def choose(self, logits: Tensor, places: Sequence[tuple[tuple[int, ...], int]]) -> Tensor:
        """Return the next token of each row, (rows,) int64.

        Args:
            logits: (rows, vocabulary) float32.
            places: for each row what its draws depend on (its prompt's ids) and how many tokens
                were chosen before.
        """
        sampling = self._sampling
        if sampling.is_greedy:
            return logits.argmax(1)
        temperature = min(sampling.temperature, _UNIFORM_ABOVE)
        ordered, ids = torch.sort(logits / temperature, 1, descending=True)
        if 0 < sampling.top_k < ordered.shape[1]:
            ordered[:, sampling.top_k :] = -torch.inf
        probabilities = ordered.softmax(1)
        below = probabilities.cumsum(1) - probabilities
        is_left_out = below >= sampling.top_p
        # However small the share is, the likeliest token has it.
        is_left_out[:, 0] = False
        kept = probabilities.masked_fill(is_left_out, 0)
        reached = kept.cumsum(1)
        draws = torch.tensor([self._draw(*place) for place in places], device=logits.device)
        rank = torch.searchsorted(reached, (draws * reached[:, -1])[:, None], right=True)
        last = (kept > 0).sum(1, keepdim=True) - 1
        return ids.gather(1, rank.minimum(last)).squeeze(1)

    def _draw(self, prompt_ids: tuple[int, ...], position: int) -> float:
        """Return a number in [0, 1) that depends on seed, prompt and position alone."""
        text = f"{self._sampling.seed}:{position}:{prompt_ids}".encode()
        return int.from_bytes(hashlib.sha256(text).digest()[:4]) / 2**32
