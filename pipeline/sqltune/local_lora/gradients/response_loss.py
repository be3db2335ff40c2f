"""Cross-entropy on trained tokens only, a few rows at a time.

The logits of one row take as much memory as the hidden states of all layers together, and most rows
of a prompt need none; so only the rows that predict a trained token are multiplied by the output
matrix, and never all of them at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from sqltune.local_lora.tokenising import TokenisedSample

#: Enough rows for the matrix product to be at full speed, few enough to stay near the cache.
ROWS_AT_ONCE = 256


@dataclass(frozen=True)
class PredictingRows:
    """The rows of packed samples that predict a trained token."""

    #: (rows,) int64.
    positions: Tensor
    #: (rows,) int64, the tokens to predict.
    targets: Tensor
    #: (rows,) float32, the weight of each.
    weights: Tensor
    #: (rows,) bool, False on rehearsal.
    is_sample: Tensor


def find_predicting_rows(
    samples: Sequence[TokenisedSample], device: torch.device, shared: int = 0
) -> PredictingRows:
    """Return the rows that predict a trained token, for samples that are packed in this order.

    Args:
        samples: in the order of their rows.
        device: where the tensors go.
        shared: tokens with which all samples begin and which have one row each, before all others;
            none of them predicts a trained token.
    """
    positions: list[int] = []
    targets: list[int] = []
    weights: list[float] = []
    is_sample: list[bool] = []
    offset = 0
    for sample in samples:
        trained = sample.trained_positions
        positions += [offset + place - 1 for place in trained]
        targets += [sample.token_ids[place] for place in trained]
        weights += [sample.weight] * len(trained)
        is_sample += [not sample.is_rehearsal] * len(trained)
        offset += len(sample.token_ids) - shared
    return PredictingRows(
        torch.tensor(positions, device=device, dtype=torch.int64),
        torch.tensor(targets, device=device, dtype=torch.int64),
        torch.tensor(weights, device=device, dtype=torch.float32),
        torch.tensor(is_sample, device=device, dtype=torch.bool),
    )


def loss_with_gradient(
    hidden: Tensor, output_weight: Tensor, targets: Tensor, weights: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the cross-entropy of each row, and the gradient of their weighted sum.

    Args:
        hidden: (rows, width), normalised hidden states that predict a trained token.
        output_weight: (vocabulary, width).
        targets: (rows,) int64, the tokens to predict.
        weights: (rows,) float32, factor on each row's loss.

    Returns:
        (rows,) float32, the losses; (rows, width), the gradient of `hidden`.
    """
    gradient = torch.empty_like(hidden)
    losses = torch.empty_like(weights)
    for start in range(0, len(hidden), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        losses[rows] = _rows_loss(
            hidden[rows], output_weight, targets[rows], weights[rows], gradient[rows]
        )
    return losses, gradient


def divergence_with_gradient(
    hidden: Tensor, base_hidden: Tensor, output_weight: Tensor, weights: Tensor
) -> tuple[Tensor, Tensor]:
    """Return how far each row's distribution is from the base model's, and the sum's gradient.

    Args:
        hidden: (rows, width), normalised hidden states.
        base_hidden: (rows, width), those of the base model without an adapter.
        output_weight: (vocabulary, width).
        weights: (rows,) float32, factor on each row's divergence.

    Returns:
        (rows,) float32, the Kullback-Leibler divergences in nats; (rows, width), the gradient of
        `hidden`.
    """
    gradient = torch.empty_like(hidden)
    losses = torch.empty_like(weights)
    for start in range(0, len(hidden), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        own = torch.log_softmax(functional.linear(hidden[rows], output_weight).float(), 1)
        kept = torch.log_softmax(functional.linear(base_hidden[rows], output_weight).float(), 1)
        losses[rows] = functional.kl_div(own, kept, reduction="none", log_target=True).sum(1)
        apart = own.exp_().sub_(kept.exp_()).mul_(weights[rows, None])
        torch.mm(apart.to(hidden.dtype), output_weight, out=gradient[rows])
    return losses, gradient


def _rows_loss(
    hidden: Tensor, output_weight: Tensor, targets: Tensor, weights: Tensor, gradient: Tensor
) -> Tensor:
    logits = functional.linear(hidden, output_weight)
    target_logits = logits.gather(1, targets[:, None]).float()
    top = logits.amax(1, keepdim=True).float()
    probabilities = torch.softmax(logits, 1)
    # The largest probability is exp(top - logsumexp): a cheap pass instead of a third exponential.
    log_sum = top - probabilities.amax(1, keepdim=True).float().log()
    losses = (log_sum - target_logits).squeeze(1)
    places = torch.arange(len(targets), device=targets.device)
    probabilities[places, targets] -= 1
    torch.mm(probabilities, output_weight, out=gradient)
    gradient.mul_(weights.to(gradient.dtype)[:, None])
    return losses
