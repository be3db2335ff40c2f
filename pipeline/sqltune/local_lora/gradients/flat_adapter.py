"""All LoRA matrices of one adapter as views of one fp32 vector.

One vector makes gradient norm, optimizer step, cast to bf16 and checkpoint one operation each,
where a model of 30 layers would otherwise need 420.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class FlatAdapter:
    """The values and gradients of an adapter, by parameter name and as vectors."""

    def __init__(self, named_parameters: Sequence[tuple[str, nn.Parameter]]) -> None:
        """Move the parameters' storage into one vector, in this order.

        Args:
            named_parameters: LoRA matrices of any shape, float32; each becomes a view.
        """
        self.shapes = {name: parameter.shape for name, parameter in named_parameters}
        count = sum(parameter.numel() for _, parameter in named_parameters)
        device = named_parameters[0][1].device
        #: (count,) float32, the trained values.
        self.values = torch.empty(count, dtype=torch.float32, device=device)
        #: (count,) float32, the gradient of the current step.
        self.gradient = torch.zeros(count, dtype=torch.float32, device=device)
        #: `gradient` by name.
        self.gradients = self.views_of(self.gradient)
        views = self.views_of(self.values)
        for name, parameter in named_parameters:
            views[name].copy_(parameter.detach())
            parameter.data = views[name]
        self._parameters = dict(named_parameters)

    def views_of(self, vector: Tensor) -> dict[str, Tensor]:
        """Return a vector of `values`' length cut into the named matrices, without a copy."""
        pieces = vector.split([shape.numel() for shape in self.shapes.values()])
        return {
            name: piece.view(shape)
            for (name, shape), piece in zip(self.shapes.items(), pieces, strict=True)
        }

    @contextmanager
    def autograd_in(self, dtype: torch.dtype) -> Iterator[Callable[[], None]]:
        """Let autograd compute with the adapter in the block, in the activations' number format.

        Products of float32 matrices with bf16 activations would be slow float32 products.

        Yields:
            A function that adds what autograd has collected to `gradient`.
        """
        is_narrow = dtype is torch.bfloat16
        values = self.values.to(dtype) if is_narrow else self.values
        gradient = torch.zeros_like(values) if is_narrow else self.gradient
        self._use(values, gradient)

        def add_gradient() -> None:
            if is_narrow:
                self.gradient.add_(gradient)
                gradient.zero_()

        try:
            yield add_gradient
        finally:
            self._use(self.values, None)

    def _use(self, values: Tensor, gradient: Tensor | None) -> None:
        views = self.views_of(values)
        gradients = self.views_of(gradient) if gradient is not None else {}
        for name, parameter in self._parameters.items():
            parameter.grad = None  # a gradient of another dtype must not be there meanwhile
            parameter.data = views[name]
            parameter.grad = gradients.get(name)
