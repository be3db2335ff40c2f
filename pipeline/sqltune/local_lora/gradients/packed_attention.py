"""Causal attention over samples that follow each other, forward and backward.

Each sample is a separate segment, so nothing is padded and no token attends to another sample. The
tokens with which all samples begin are there once, in front of the segments.
Plain batched products are used because torch's flash attention for processors takes five times as
long in its backward pass at the 20 to 400 tokens of a usual sample.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

#: Queries computed at once. A long segment is cut, so that its first queries read no later keys.
QUERIES_AT_ONCE = 256
#: Rows of scores are rounded up to full vector registers: torch's softmax takes three times as long
#: on 60 columns as on 64. The extra columns are masked.
_COLUMNS = 32
#: Above this many keys the probabilities take more memory than all else, and are computed again.
_KEYS_TO_KEEP = 512


@dataclass(frozen=True)
class AttentionShape:
    """How many heads there are, and how wide."""

    #: Heads of the queries.
    query_heads: int
    #: Heads of keys and values; each serves query_heads / key_heads of those.
    key_heads: int
    #: Width of a head.
    head_size: int
    #: Factor on the scores before the softmax.
    scaling: float

    @property
    def group(self) -> int:
        """Query heads per key head."""
        return self.query_heads // self.key_heads


@dataclass(frozen=True)
class _Piece:
    """Queries of one segment that are computed together, and the keys that they may read."""

    #: Rows of the queries.
    queries: slice
    #: Rows of the keys, unshared: the segment from its start to the last of `queries`.
    keys: slice
    #: `keys` rounded up; what is beyond belongs to other segments and is masked.
    key_columns: slice
    #: (group * queries, columns): minus infinity where a query must not read, else 0.
    mask: Tensor


class PackedAttention:
    """Attention for one arrangement of segments; the masks are made once for all layers."""

    def __init__(
        self, lengths: Sequence[int], shape: AttentionShape, like: Tensor, shared: int = 0
    ) -> None:
        """Prepare the pieces.

        Args:
            lengths: tokens of each segment, in order, the shared ones counted in each.
            shape: heads and their width.
            like: a tensor with the dtype and device to use.
            shared: tokens with which all segments begin, which are there once, before the others.
        """
        self.shape = shape
        self._masks: dict[tuple[int, int], Tensor] = {}
        self._rows = _unshared_rows(lengths, shared, like.device) if shared else None
        self._pieces = list(self._cut(lengths, like, shared))

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor
    ) -> tuple[Tensor, list[Tensor | None]]:
        """Return what each token attends to.

        Args:
            query: (tokens, query_heads, head_size), rotated.
            key: (tokens + EXTRA_ROWS, key_heads, head_size), rotated; the extra rows are finite.
            value: (tokens + EXTRA_ROWS, key_heads, head_size); the extra rows are finite.

        Returns:
            (tokens, query_heads * head_size), and each piece's probabilities for `backward`.
        """
        key, value = self._unshared(key), self._unshared(value)
        output = torch.empty_like(query)
        kept: list[Tensor | None] = []
        for piece in self._pieces:
            probabilities = self._probabilities(piece, self._grouped(query[piece.queries]), key)
            values = value[piece.key_columns].transpose(0, 1)
            attended = torch.bmm(probabilities, values)
            output[piece.queries] = self._ungrouped(attended)
            is_short = probabilities.shape[2] <= _KEYS_TO_KEEP
            kept.append(probabilities if is_short else None)
        return output.flatten(1), kept

    def backward(
        self,
        grad: Tensor,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        kept: list[Tensor | None],
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the gradients of query, key and value, (tokens, heads, head_size) each.

        Args:
            grad: (tokens, query_heads * head_size).
            query: as in `forward`.
            key: as in `forward`.
            value: as in `forward`.
            kept: the probabilities that `forward` returned.
        """
        tokens = len(query)
        grad = grad.view_as(query)
        query_grad = torch.empty_like(query)
        key, value = self._unshared(key), self._unshared(value)
        count = len(key) - EXTRA_ROWS
        key_grad, value_grad = torch.zeros_like(key[:count]), torch.zeros_like(value[:count])
        for piece, stored in zip(self._pieces, kept, strict=True):
            q, g = self._grouped(query[piece.queries]), self._grouped(grad[piece.queries])
            p = self._probabilities(piece, q, key) if stored is None else stored
            count = len(value_grad[piece.keys])
            value_grad[piece.keys] += torch.bmm(p.transpose(1, 2), g)[:, :count].transpose(0, 1)
            p_grad = torch.bmm(g, value[piece.key_columns].permute(1, 2, 0))
            s_grad = torch._softmax_backward_data(p_grad, p, -1, p_grad.dtype)
            s_grad.mul_(self.shape.scaling)
            q_grad = torch.bmm(s_grad, key[piece.key_columns].transpose(0, 1))
            query_grad[piece.queries] = self._ungrouped(q_grad)
            key_grad[piece.keys] += torch.bmm(s_grad.transpose(1, 2), q)[:, :count].transpose(0, 1)
        return query_grad, self._add_shared(key_grad, tokens), self._add_shared(value_grad, tokens)

    def _unshared(self, x: Tensor) -> Tensor:
        """Return keys or values with the shared tokens in front of each segment."""
        return x if self._rows is None else x[self._rows]

    def _add_shared(self, grad: Tensor, tokens: int) -> Tensor:
        """Undo `_unshared`: the gradient of a shared token is the sum of its copies'."""
        if self._rows is None:
            return grad
        # Copies are added up in float32: there are as many as samples.
        total = torch.zeros(tokens, *grad.shape[1:], device=grad.device)
        return total.index_add_(0, self._rows[: len(grad)], grad.float()).to(grad.dtype)

    def _probabilities(self, piece: _Piece, grouped_query: Tensor, key: Tensor) -> Tensor:
        """Return (key_heads, group * queries, columns)."""
        scores = torch.baddbmm(
            piece.mask,
            grouped_query,
            key[piece.key_columns].permute(1, 2, 0),
            alpha=self.shape.scaling,
        )
        return torch.softmax(scores, -1)

    def _grouped(self, q: Tensor) -> Tensor:
        """Return (length, query_heads, size) as (key_heads, group * length, size)."""
        length, _, size = q.shape
        heads = q.view(length, self.shape.key_heads, self.shape.group, size).permute(1, 2, 0, 3)
        return heads.reshape(self.shape.key_heads, self.shape.group * length, size)

    def _ungrouped(self, q: Tensor) -> Tensor:
        """Undo `_grouped`, as a view."""
        return q.view(self.shape.query_heads, -1, q.shape[2]).transpose(0, 1)

    def _cut(self, lengths: Sequence[int], like: Tensor, shared: int) -> Iterator[_Piece]:
        start, row = 0, 0
        # The shared tokens read each other: as keys they are the beginning of the first segment.
        segments = [(0, shared, 0), *((shared, length, length) for length in lengths)]
        for begin, end, keys in segments:
            for first in range(begin, end, QUERIES_AT_ONCE):
                last = min(first + QUERIES_AT_ONCE, end)
                yield self._piece(first, row, last, start, like)
                row += last - first
            start += keys

    def _piece(self, first: int, row: int, last: int, start: int, like: Tensor) -> _Piece:
        """Return tokens `first` to `last` of the segment whose keys begin at `start`."""
        mask = self._mask(first, last, like)
        return _Piece(
            queries=slice(row, row + last - first),
            keys=slice(start, start + last),
            key_columns=slice(start, start + mask.shape[1]),
            mask=mask,
        )

    def _mask(self, first: int, last: int, like: Tensor) -> Tensor:
        if (first, last) not in self._masks:
            size = (last - first, -(-last // _COLUMNS) * _COLUMNS)
            mask = torch.full(size, -torch.inf, dtype=like.dtype, device=like.device)
            self._masks[first, last] = mask.triu_(first + 1).repeat(self.shape.group, 1)
        return self._masks[first, last]


#: Rows behind the last token that keys and values must have.
EXTRA_ROWS = _COLUMNS - 1


def _unshared_rows(lengths: Sequence[int], shared: int, device: torch.device) -> Tensor:
    """Return the row of each token of each segment, then the extra rows."""
    rows: list[int] = []
    first = shared
    for length in lengths:
        rows += [*range(shared), *range(first, first + length - shared)]
        first += length - shared
    rows += range(first, first + EXTRA_ROWS)
    return torch.tensor(rows, device=device)
