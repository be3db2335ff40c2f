"""Loss and LoRA gradients of any causal LM over padded samples, through autograd.

The way through training that is right for every architecture; `packed_llama` is quicker where it
applies, and is checked against this one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from sqltune.local_lora.tokenising import TokenisedSample


def padded_loss(
    model: Any, samples: Sequence[TokenisedSample], token_weight: float
) -> tuple[float, float]:
    """The loss of the samples, and it unweighted and without rehearsal; the adapter's gradients are
    added to its parameters' `grad`.

    Args:
        model: a causal LM with one active adapter.
        samples: one micro-batch.
        token_weight: factor on every response token's loss, besides its sample's weight.
    """
    batch = _pad(samples, model.device)
    with torch.enable_grad():
        logits: Tensor = model(
            input_ids=batch["input_ids"],
            attention_mask=batch["attention_mask"],
            use_cache=False,
        ).logits
        counted = batch["weights"][:, 1:] != 0
        losses = functional.cross_entropy(
            logits[:, :-1][counted].float(), batch["input_ids"][:, 1:][counted], reduction="none"
        )
        loss = (losses * batch["weights"][:, 1:][counted]).sum() * token_weight
        loss.backward()
    is_new = batch["is_new"][:, None].expand_as(counted)[counted]
    return float(loss.detach()), float(losses.detach()[is_new].sum())


def _pad(samples: Sequence[TokenisedSample], device: torch.device) -> dict[str, Tensor]:
    """Samples side by side, padded on the right.

    Returns:
        input_ids: (batch, length) int64; attention_mask: (batch, length) int64;
        weights: (batch, length) float32, each response token's weight, 0 on prompt and padding;
        is_new: (batch,) bool, False on rehearsal.
    """
    size = (len(samples), max(len(sample.token_ids) for sample in samples))
    ids = torch.zeros(size, dtype=torch.int64)
    mask = torch.zeros(size, dtype=torch.int64)
    weights = torch.zeros(size, dtype=torch.float32)
    for row, sample in enumerate(samples):
        length = len(sample.token_ids)
        ids[row, :length] = torch.tensor(sample.token_ids)
        mask[row, :length] = 1
        weights[row, list(sample.counted)] = torch.tensor(sample.token_weights)
    return {
        "input_ids": ids.to(device),
        "attention_mask": mask.to(device),
        "weights": weights.to(device),
        "is_new": torch.tensor([not s.is_rehearsal for s in samples], device=device),
    }
