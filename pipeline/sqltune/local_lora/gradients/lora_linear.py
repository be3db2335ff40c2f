"""Frozen linear layers with their LoRA pairs, forward and backward, without autograd.

Layers that read the same input are one group: their A matrices are stacked, so one product serves
all of them, and every sum is left to the matrix product that makes its second half. Written
by hand because autograd would keep and copy about three times as much.

For each layer y = x Wᵀ + bias + s (x Aᵀ) Bᵀ, s = alpha / r: https://arxiv.org/abs/2106.09685, 4.1
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class FrozenLinear:
    """One linear layer of the base model."""

    #: (out, in), the base model's dtype, never trained.
    weight: Tensor
    #: (out,) or None.
    bias: Tensor | None
    #: Names of A (rank, in) and B (out, rank) among the adapter's matrices; None without LoRA.
    lora_names: tuple[str, str] | None


class LinearGroup:
    """Linear layers that read the same input."""

    def __init__(self, linears: Sequence[FrozenLinear], rank: int, scaling: float) -> None:
        """Join layers.

        Args:
            linears: the layers, in the order of their outputs.
            rank: r of every LoRA pair.
            scaling: factor on the LoRA part.
        """
        self.linears = tuple(linears)
        self.rank = rank
        self.scaling = scaling
        adapted = [linear.lora_names for linear in linears if linear.lora_names]
        self._a_names = tuple(names[0] for names in adapted)
        self._b_names = tuple(names[1] for names in adapted)

    @property
    def names(self) -> tuple[str, ...]:
        """The adapter's matrices of this group; all A in a row, so that they can be one matrix."""
        return self._a_names + self._b_names

    def stacked(self, matrices: Mapping[str, Tensor]) -> Tensor:
        """Return all A matrices as one view: (sum of ranks, in)."""
        first = matrices[self._a_names[0]]
        return first.as_strided((self.rank * len(self._a_names), first.shape[1]), first.stride())

    def forward(
        self, x: Tensor, matrices: Mapping[str, Tensor] | None, residual: Tensor | None = None
    ) -> tuple[list[Tensor], Tensor | None]:
        """Return the layers' outputs, and the low-rank activations that `backward` needs.

        Args:
            x: (tokens, in).
            matrices: the adapter in x's dtype, by name; None: without it.
            residual: (tokens, out), added to the only output.

        Returns:
            The outputs (tokens, out) of each layer; s x Aᵀ (tokens, sum of ranks).
        """
        low = None
        if self._a_names and matrices is not None:
            low = functional.linear(x, self.stacked(matrices)).mul_(self.scaling)
        outputs = []
        for linear in self.linears:
            if residual is None:
                y = functional.linear(x, linear.weight, linear.bias)
            else:
                y = torch.addmm(residual, x, linear.weight.t())
                y = y if linear.bias is None else y.add_(linear.bias)
            outputs.append(y)
        for index, place in self._places():
            if low is not None and matrices is not None:
                outputs[index].addmm_(low[:, place], matrices[self._b(index)].t())
        return outputs, low

    def backward(
        self,
        grads: Sequence[Tensor],
        x: Tensor,
        low: Tensor | None,
        matrices: Mapping[str, Tensor],
        gradients: Mapping[str, Tensor],
    ) -> Tensor:
        """Return the gradient of the input, (tokens, in); A's and B's are added to `gradients`.

        Args:
            grads: (tokens, out) for each layer.
            x: (tokens, in), as in `forward`.
            low: what `forward` returned.
            matrices: as in `forward`.
            gradients: float32 matrices by name, added to.
        """
        low_grad = self.add_gradients(grads, x, low, matrices, gradients)
        x_grad = grads[0] @ self.linears[0].weight
        for grad, linear in zip(grads[1:], self.linears[1:], strict=True):
            x_grad.addmm_(grad, linear.weight)
        if low_grad is not None:
            x_grad.addmm_(low_grad, self.stacked(matrices))
        return x_grad

    def add_gradients(
        self,
        grads: Sequence[Tensor],
        x: Tensor,
        low: Tensor | None,
        matrices: Mapping[str, Tensor],
        gradients: Mapping[str, Tensor],
    ) -> Tensor | None:
        """Do only the second half of `backward`, for a layer below which nothing is trained.

        Returns:
            (tokens, sum of ranks), the gradient of x Aᵀ; None without LoRA.
        """
        if low is None:
            return None
        low_grad = torch.empty_like(low)
        for index, place in self._places():
            name = self._b(index)
            gradients[name].add_((low[:, place].t() @ grads[index]).t())
            low_grad[:, place] = grads[index] @ matrices[name]
        low_grad.mul_(self.scaling)
        self.stacked(gradients).add_(low_grad.t() @ x)
        return low_grad

    def _places(self) -> list[tuple[int, slice]]:
        """Return the index of each layer with LoRA, and its columns of the low-rank activations."""
        adapted = [i for i, linear in enumerate(self.linears) if linear.lora_names]
        return [(i, slice(n * self.rank, (n + 1) * self.rank)) for n, i in enumerate(adapted)]

    def _b(self, index: int) -> str:
        names = self.linears[index].lora_names
        assert names is not None  # noqa: S101  _places has only layers with LoRA
        return names[1]
