"""Loss and LoRA gradients of any causal LM over padded samples, through autograd.

The way that is right for every architecture; `packed_llama` is quicker where it applies, and is
checked against this one.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
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
    #: (places,) int64, the positions that predict a trained token of any sample.
    places: Tensor
    #: (trained,) int64, the sample of each trained token.
    rows: Tensor
    #: (trained,) int64, which of `places` predicts it.
    columns: Tensor
    #: (trained,) int64, the trained tokens.
    targets: Tensor
    #: (trained,) float32, the weight of each.
    weights: Tensor
    #: (trained,) bool, False on rehearsal.
    is_sample: Tensor


def padded_loss(
    model: Any,
    samples: Sequence[TokenisedSample],
    token_weight: float,
    without_adapter: Callable[[], AbstractContextManager[None]],
) -> StepLoss:
    """Return the loss of the samples; the adapter's gradients are added to its parameters' `grad`.

    A rehearsal pair's tokens are not learnt: their loss is how far the model's distribution is from
    the base model's own (Kullback-Leibler divergence).

    Args:
        model: a causal LM with one active adapter.
        samples: one micro-batch.
        token_weight: factor on every trained token's loss, besides its sample's weight.
        without_adapter: switches the adapter off for the duration of a block.
    """
    batch = _pad(samples, model.device)
    rehearsed = [sample for sample in samples if sample.is_rehearsal]
    base_logits = None
    if rehearsed:
        with without_adapter(), torch.no_grad():
            base_logits = _predict(model, _pad(rehearsed, model.device))
    with torch.enable_grad():
        losses = _losses(_predict(model, batch), batch, base_logits)
        loss = (losses * batch.weights).sum() * token_weight
        loss.backward()
    return _read(loss, losses, batch)


@torch.no_grad()
def measure_padded(model: Any, samples: Sequence[TokenisedSample]) -> StepLoss:
    """Return the loss of samples that are not trained, without any gradient; see `padded_loss`."""
    batch = _pad(samples, model.device)
    losses = _losses(_predict(model, batch), batch, None)
    return _read((losses * batch.weights).sum(), losses, batch)


def _read(loss: Tensor, losses: Tensor, batch: _Batch) -> StepLoss:
    sample_sum = (losses.detach() * batch.is_sample).sum()
    # One transfer from the device instead of two.
    weighted, unweighted = torch.stack([loss.detach(), sample_sum]).tolist()
    return StepLoss(weighted, unweighted)


def _predict(model: Any, batch: _Batch) -> Tensor:
    """Return the logits that predict the trained tokens, (trained, vocabulary) float32."""
    arguments: dict[str, Any] = {"input_ids": batch.token_ids, "use_cache": False}
    columns = batch.places[batch.columns]
    if "logits_to_keep" in inspect.signature(type(model).forward).parameters:
        # Most of a prompt's rows predict nothing that counts, and logits take the most memory.
        arguments["logits_to_keep"] = batch.places
        columns = batch.columns
    # No attention mask: padding is on the right, where a causal model's tokens do not look. Without
    # it attention takes its fastest form.
    logits: Tensor = model(**arguments).logits
    return logits[batch.rows, columns].float()


def _losses(logits: Tensor, batch: _Batch, base_logits: Tensor | None) -> Tensor:
    """Return the loss of each trained token, (trained,) float32."""
    if base_logits is None:
        return functional.cross_entropy(logits, batch.targets, reduction="none")
    is_sample = batch.is_sample
    losses = torch.zeros_like(batch.weights)
    losses[is_sample] = functional.cross_entropy(
        logits[is_sample], batch.targets[is_sample], reduction="none"
    )
    kept = functional.log_softmax(base_logits, 1)
    own = functional.log_softmax(logits[~is_sample], 1)
    losses[~is_sample] = functional.kl_div(own, kept, reduction="none", log_target=True).sum(1)
    return losses


def _pad(samples: Sequence[TokenisedSample], device: torch.device) -> _Batch:
    size = (len(samples), max(len(sample.token_ids) for sample in samples))
    ids = torch.zeros(size, dtype=torch.int64)
    for row, sample in enumerate(samples):
        ids[row, : len(sample.token_ids)] = torch.tensor(sample.token_ids)
    trained = [(row, place) for row, s in enumerate(samples) for place in s.trained_positions]
    rows, targets = torch.tensor(trained, dtype=torch.int64).view(-1, 2).unbind(1)
    places, columns = torch.unique(targets - 1, return_inverse=True)
    counts = torch.tensor([s.trained_tokens for s in samples])
    is_sample = torch.tensor([not s.is_rehearsal for s in samples]).repeat_interleave(counts)
    weights = torch.tensor([s.weight for s in samples]).repeat_interleave(counts)
    return _Batch(
        token_ids=ids.to(device),
        places=places.to(device),
        rows=rows.to(device),
        columns=columns.to(device),
        targets=ids[rows, targets].to(device),
        weights=weights.to(device),
        is_sample=is_sample.to(device),
    )
