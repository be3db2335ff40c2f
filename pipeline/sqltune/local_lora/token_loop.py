"""Prompts that are answered together, token by token, padded on the left.

Tokens are chosen here and not by transformers' generate, for three reasons: a prompt whose answer
has ended leaves its batch, a drawn answer depends on its own seed and not on the other prompts, and
no logits are computed for prompt tokens.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sqltune.errors import DataError
from sqltune.local_lora.asked_questions import FinishReason
from sqltune.local_lora.growing_text import GrowingText
from sqltune.local_lora.sampling import TokenChooser

#: Called after each token of an answer with its question's position and its text so far; returns
#: whether anybody still waits for it.
TokenWatcher = Callable[[int, GrowingText], bool]


@dataclass
class OpenRow:
    """One prompt while it is answered."""

    index: int
    prompt_ids: tuple[int, ...]
    #: Of the prompt; at least, where it was too long to be read.
    prompt_tokens: int
    #: What the draws depend on beside seed and position.
    drawn_by: tuple[int, ...]
    room: int
    text: GrowingText
    finish_reason: FinishReason | None = None
    seconds: float = 0.0
    error: DataError | None = None

    @property
    def output_ids(self) -> list[int]:
        """The tokens of the answer so far."""
        return self.text.ids


class OpenBatch:
    """Prompts that are answered together, token by token; rows leave it as they end."""

    def __init__(
        self,
        network: Any,
        rows: list[OpenRow],
        chooser: TokenChooser,
        ends: frozenset[int],
        watch: TokenWatcher | None,
    ) -> None:
        self.rows = rows
        self._watch = watch
        self._all = list(rows)
        self._network = network
        self._chooser = chooser
        self._ends = ends
        self._started = time.monotonic()
        self._ids, self._mask = _pad_left(rows, network.device)
        self._cache: Any = None
        self._takes = inspect.signature(type(network).forward).parameters

    def done(self) -> float:
        """Return how many answers are done, those begun counted by their share."""
        return sum(
            1.0 if row.finish_reason is not None else len(row.output_ids) / row.room
            for row in self._all
        )

    def advance(self) -> list[OpenRow]:
        """Add a token to each row; return the rows that end with it."""
        logits, self._cache = _next_logits(
            self._network, self._ids, self._mask, self._cache, self._takes
        )
        rows = self.rows
        chosen = self._chooser.choose(logits, [(row.drawn_by, len(row.output_ids)) for row in rows])
        for row, token in zip(rows, chosen.tolist(), strict=True):
            _extend(row, token, self._ends, time.monotonic() - self._started)
            if self._watch is not None and not self._watch(row.index, row.text):
                row.finish_reason = FinishReason.DROPPED
        self._keep([place for place, row in enumerate(rows) if row.finish_reason is None], chosen)
        return [row for row in rows if row.finish_reason is not None]

    def _keep(self, open_places: list[int], chosen: Tensor) -> None:
        """Continue with the rows at these places and the tokens chosen for them."""
        if len(open_places) < len(self.rows):
            kept = torch.tensor(open_places, device=self._mask.device, dtype=torch.int64)
            self.rows = [self.rows[place] for place in open_places]
            self._mask, chosen = self._mask[kept], chosen[kept]
            if open_places:
                self._cache.batch_select_indices(kept)
        self._ids = chosen[:, None]
        self._mask = torch.cat([self._mask, torch.ones_like(self._ids)], 1)


def _next_logits(
    network: Any, ids: Tensor, mask: Tensor, cache: Any, takes: Any
) -> tuple[Tensor, Any]:
    """Return logits of each row's next token, (rows, vocabulary) float32, and the cache after it.

    Args:
        network: a causal LM.
        ids: (rows, new tokens) int64.
        mask: (rows, all tokens) int64, 0 on padding.
        cache: from the call before; None at first.
        takes: names of the arguments that the network's forward pass has.
    """
    # transformers 5.24 renames it, and warns about the old name.
    cache_name = "cache" if "cache" in takes else "past_key_values"
    arguments: dict[str, Any] = {"input_ids": ids, "attention_mask": mask, "use_cache": True}
    if cache is not None:
        arguments[cache_name] = cache
    if "position_ids" in takes:
        # Padding is on the left, so a token's place is the number of real tokens before it.
        arguments["position_ids"] = (mask.cumsum(1) - 1).clamp_min(0)[:, -ids.shape[1] :]
    if "logits_to_keep" in takes:
        # A number takes a view, for which the product with the vocabulary copies that matrix once a
        # row: gigabytes. A position takes a copy of the hidden states.
        arguments["logits_to_keep"] = torch.tensor([ids.shape[1] - 1], device=ids.device)
    output = network(**arguments)
    return output.logits[:, -1].float(), getattr(output, cache_name)


def _extend(row: OpenRow, token: int, ends: frozenset[int], seconds: float) -> None:
    if token in ends:
        row.finish_reason = FinishReason.STOP
    else:
        row.output_ids.append(token)
        if row.text.is_stopped:
            row.finish_reason = FinishReason.STOP
        elif len(row.output_ids) == row.room:
            row.finish_reason = FinishReason.LENGTH
    row.seconds = seconds


def _pad_left(rows: list[OpenRow], device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the prompts' ids and their mask, both (rows, longest) int64, padded on the left."""
    longest = max(len(row.prompt_ids) for row in rows)
    ids = torch.zeros(len(rows), longest, dtype=torch.int64)
    mask = torch.zeros_like(ids)
    for place, row in enumerate(rows):
        ids[place, longest - len(row.prompt_ids) :] = torch.tensor(row.prompt_ids)
        mask[place, longest - len(row.prompt_ids) :] = 1
    return ids.to(device), mask.to(device)
