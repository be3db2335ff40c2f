"""Loss and LoRA gradients of any causal LM over padded samples, through autograd.

The way that is right for every architecture; `packed_llama` is quicker where it applies, and is
checked against this one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from sqltune.local_lora.gradients.step_loss import StepLoss
from sqltune.local_lora.tokenising import TokenisedSample


@dataclass(frozen=True)
class _Batch:
    """Samples side by side, padded on the right."""

    #: (batch, length) int64.
    token_ids: Tensor
    #: (batch, length) int64, 0 on padding.
    attention_mask: Tensor
    #: (batch, length) bool, True on the tokens that count in the loss.
    is_trained: Tensor
    #: (batch, length) float32, the weight of each trained token.
    weights: Tensor
    #: (batch,) bool, False on rehearsal.
    is_sample: Tensor


def padded_loss(model: Any, samples: Sequence[TokenisedSample], token_weight: float) -> StepLoss:
    """Return the loss of the samples; the adapter's gradients are added to its parameters' `grad`.

    Args:
        model: a causal LM with one active adapter.
        samples: one micro-batch.
        token_weight: factor on every trained token's loss, besides its sample's weight.
    """
    batch = _pad(samples, model.device)
    with torch.enable_grad():
        losses, loss = _forward(model, batch, token_weight)
        loss.backward()
    return _add_up(batch, losses, loss)


@torch.no_grad()
def measure_padded(model: Any, samples: Sequence[TokenisedSample]) -> StepLoss:
    """Return the loss of the samples without any gradient; see `padded_loss`."""
    batch = _pad(samples, model.device)
    return _add_up(batch, *_forward(model, batch, 1.0))


def _forward(model: Any, batch: _Batch, token_weight: float) -> tuple[Tensor, Tensor]:
    """Return the loss of each trained token, and their weighted sum."""
    is_trained = batch.is_trained[:, 1:]
    logits: Tensor = model(
        input_ids=batch.token_ids,
        attention_mask=batch.attention_mask,
        use_cache=False,
    ).logits
    losses = functional.cross_entropy(
        logits[:, :-1][is_trained].float(), batch.token_ids[:, 1:][is_trained], reduction="none"
    )
    return losses, (losses * batch.weights[:, 1:][is_trained]).sum() * token_weight


def _add_up(batch: _Batch, losses: Tensor, loss: Tensor) -> StepLoss:
    is_trained = batch.is_trained[:, 1:]
    is_sample = batch.is_sample[:, None].expand_as(is_trained)[is_trained]
    return StepLoss(float(loss.detach()), float(losses.detach()[is_sample].sum()))


def _pad(samples: Sequence[TokenisedSample], device: torch.device) -> _Batch:
    size = (len(samples), max(len(sample.token_ids) for sample in samples))
    ids = torch.zeros(size, dtype=torch.int64)
    mask = torch.zeros(size, dtype=torch.int64)
    is_trained = torch.zeros(size, dtype=torch.bool)
    weights = torch.zeros(size, dtype=torch.float32)
    for row, sample in enumerate(samples):
        length = len(sample.token_ids)
        ids[row, :length] = torch.tensor(sample.token_ids)
        mask[row, :length] = 1
        trained = list(sample.trained_positions)
        is_trained[row, trained] = True
        weights[row, trained] = torch.tensor(sample.token_weights)
    return _Batch(
        token_ids=ids.to(device),
        attention_mask=mask.to(device),
        is_trained=is_trained.to(device),
        weights=weights.to(device),
        is_sample=torch.tensor([not s.is_rehearsal for s in samples], device=device),
    )
