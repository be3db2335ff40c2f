"""The operations of a Llama layer between its matrix products, forward and backward.

RMS norm, rotary positions and the gated activation; sums inside the norm are float32 as in
transformers, whatever the dtype of the activations.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def normalise(x: Tensor, weight: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    """Return the RMS norm of x, and the factor 1 / rms that `normalise_backward` needs.

    Args:
        x: (tokens, width).
        weight: (width,).
        epsilon: added to the mean square.

    Returns:
        (tokens, width) in x's dtype; (tokens, 1) float32.
    """
    wide = x.float()
    inverse = torch.linalg.vecdot(wide, wide).div_(x.shape[1]).add_(epsilon).rsqrt_().unsqueeze_(1)
    return wide.mul_(inverse).to(x.dtype).mul_(weight) if x.dtype != wide.dtype else (
        wide * inverse * weight
    ), inverse


def normalise_backward(grad: Tensor, x: Tensor, weight: Tensor, inverse: Tensor) -> Tensor:
    """Return the gradient of the norm's input: inverse (g - x̂ mean(g x̂)), with g = grad weight.

    Args:
        grad: (tokens, width), gradient of the output.
        x: (tokens, width), the input.
        weight: (width,).
        inverse: (tokens, 1) float32, from `normalise`.
    """
    wide = grad.float() * weight
    unit = x.float().mul_(inverse)
    share = torch.linalg.vecdot(wide, unit).div_(x.shape[1]).unsqueeze_(1)
    return wide.addcmul_(unit, share, value=-1).mul_(inverse).to(grad.dtype)


def rotate(heads: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Rotate by position, halves split as in transformers' Llama.

    Args:
        heads: (tokens, heads, size).
        cosine: (tokens, 1, size / 2), in heads' dtype.
        sine: the same; negated it rotates backwards, which is the backward pass.
    """
    half = heads.shape[-1] // 2
    first, second = heads[..., :half], heads[..., half:]
    turned = torch.empty_like(heads, memory_format=torch.contiguous_format)
    torch.mul(first, cosine, out=turned[..., :half]).addcmul_(second, sine, value=-1)
    torch.mul(second, cosine, out=turned[..., half:]).addcmul_(first, sine)
    return turned


def gate_backward(
    grad: Tensor, gate: Tensor, gate_out: Tensor, up: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the gradients of gate and up for silu(gate) * up.

    Args:
        grad: (tokens, width), gradient of the product; overwritten.
        gate: (tokens, width), before silu.
        gate_out: (tokens, width), silu(gate).
        up: (tokens, width).
    """
    up_grad = grad * gate_out
    return torch.ops.aten.silu_backward(grad.mul_(up), gate), up_grad


def gate_forward(gate: Tensor, up: Tensor) -> tuple[Tensor, Tensor]:
    """Return the product silu(gate) * up, and silu(gate) for the backward pass."""
    gate_out = functional.silu(gate)
    return gate_out * up, gate_out
