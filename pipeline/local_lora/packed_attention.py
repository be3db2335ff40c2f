"""Causal attention over samples that lie one behind the other, forward and backward.

Each sample is a segment of its own, so nothing is padded and no token sees another sample. Plain
batched products are used because torch's flash attention for processors takes five times as long
in its backward pass at the 20 to 400 tokens of a usual sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class AttentionShape:
    """How many heads there are, and how wide."""

    #: Heads that ask.
    query_heads: int
    #: Heads that are asked; each serves query_heads / key_heads of them.
    key_heads: int
    #: Width of a head.
    head_size: int
    #: Factor on the scores before the softmax.
    scaling: float

    @property
    def group(self) -> int:
        """Query heads per key head."""
        return self.query_heads // self.key_heads


class PackedAttention:
    """Attention for one arrangement of segments; the masks are made once for all layers."""

    def __init__(self, lengths: Sequence[int], shape: AttentionShape, like: Tensor) -> None:
        """Prepare the masks.

        Args:
            lengths: tokens of each segment, in order.
            shape: heads and their width.
            like: a tensor of the wanted dtype and device.
        """
        self.lengths = tuple(lengths)
        self.shape = shape
        self._masks = {length: self._mask(length, like) for length in set(lengths)}

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """What each token attends to.

        Args:
            query: (tokens, query_heads, head_size), rotated.
            key: (tokens, key_heads, head_size), rotated.
            value: (tokens, key_heads, head_size).

        Returns:
            (tokens, query_heads * head_size), and each segment's probabilities for `backward`.
        """
        output = torch.empty_like(query)
        kept = []
        parts = zip(*(t.split(self.lengths) for t in (query, key, value, output)), strict=True)
        for q, k, v, out in parts:
            scores = torch.baddbmm(
                self._masks[len(q)],
                self._grouped(q),
                k.permute(1, 2, 0),
                alpha=self.shape.scaling,
            )
            probabilities = torch.softmax(scores, -1)
            out.copy_(self._ungrouped(torch.bmm(probabilities, v.transpose(0, 1)), len(q)))
            kept.append(probabilities)
        return output.flatten(1), tuple(kept)

    def backward(
        self,
        grad: Tensor,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        kept: tuple[Tensor, ...],
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Gradients of query, key and value, shaped like them.

        Args:
            grad: (tokens, query_heads * head_size).
            query: as in `forward`.
            key: as in `forward`.
            value: as in `forward`.
            kept: the probabilities that `forward` gave.
        """
        grads = torch.empty_like(query), torch.empty_like(key), torch.empty_like(value)
        tensors = (grad.view_as(query), query, key, value, *grads)
        parts = zip(*(t.split(self.lengths) for t in tensors), strict=True)
        for probabilities, (g, q, k, v, q_grad, k_grad, v_grad) in zip(kept, parts, strict=True):
            g, q = self._grouped(g), self._grouped(q)
            v_grad.copy_(torch.bmm(probabilities.transpose(1, 2), g).transpose(0, 1))
            p_grad = torch.bmm(g, v.permute(1, 2, 0))
            s_grad = torch._softmax_backward_data(p_grad, probabilities, -1, p_grad.dtype)
            s_grad.mul_(self.shape.scaling)
            q_grad.copy_(self._ungrouped(torch.bmm(s_grad, k.transpose(0, 1)), len(k)))
            k_grad.copy_(torch.bmm(s_grad.transpose(1, 2), q).transpose(0, 1))
        return grads

    def _grouped(self, q: Tensor) -> Tensor:
        """(length, query_heads, size) as (key_heads, group * length, size)."""
        length, _, size = q.shape
        heads = q.view(length, self.shape.key_heads, self.shape.group, size).permute(1, 2, 0, 3)
        return heads.reshape(self.shape.key_heads, self.shape.group * length, size)

    def _ungrouped(self, q: Tensor, length: int) -> Tensor:
        """The way back from `_grouped`, as a view."""
        return q.view(self.shape.query_heads, length, -1).transpose(0, 1)

    def _mask(self, length: int, like: Tensor) -> Tensor:
        """(group * length, length): minus infinity on later tokens, else 0."""
        mask = torch.full((length, length), -torch.inf, dtype=like.dtype, device=like.device)
        return mask.triu_(1).repeat(self.shape.group, 1)
