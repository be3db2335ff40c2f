"""AdamW over one vector, and the learning rate of each step.

Written out because on one vector it is six operations, and because its state is then two vectors
that a checkpoint stores bit by bit.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import assert_never

import torch
from torch import Tensor


class Schedule(StrEnum):
    """How the learning rate changes after the warm-up."""

    #: Falls evenly to zero.
    LINEAR = "linear"
    #: Falls to zero along half a cosine.
    COSINE = "cosine"
    #: Stays as it is.
    CONSTANT = "constant"


def learning_rate_at(
    step: int, *, total_steps: int, peak: float, warmup_share: float, schedule: Schedule
) -> float:
    """Return the learning rate of a step, counted from 0.

    Without warm-up this is transformers' schedule of the same name; with it no step is wasted on a
    rate of zero.
    """
    warmup = math.ceil(total_steps * warmup_share)
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    left = max(0, total_steps - step) / max(1, total_steps - warmup)
    match schedule:
        case Schedule.LINEAR:
            return peak * left
        case Schedule.COSINE:
            return peak * (1 + math.cos(math.pi * (1 - left))) / 2
        case Schedule.CONSTANT:
            return peak
        case _:
            assert_never(schedule)


class AdamW:
    """Adam with decoupled weight decay (https://arxiv.org/abs/1711.05101), torch's defaults."""

    BETAS = (0.9, 0.999)
    EPSILON = 1e-8

    def __init__(self, values: Tensor, weight_decay: float) -> None:
        """Begin without momentum.

        Args:
            values: (count,) float32, changed by `step`.
            weight_decay: share of the values that is subtracted per unit of learning rate.
        """
        self.values = values
        self.weight_decay = weight_decay
        #: (count,) float32, running mean of the gradient.
        self.mean = torch.zeros_like(values)
        #: (count,) float32, running mean of its square.
        self.square = torch.zeros_like(values)
        #: Steps done.
        self.steps = 0

    @torch.no_grad()
    def step(self, gradient: Tensor, learning_rate: float) -> None:
        """Change the values once.

        Args:
            gradient: (count,) float32.
            learning_rate: of this step.
        """
        self.steps += 1
        beta1, beta2 = self.BETAS
        self.mean.lerp_(gradient, 1 - beta1)
        self.square.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        if self.weight_decay:
            self.values.mul_(1 - learning_rate * self.weight_decay)
        scale = (self.square / (1 - beta2**self.steps)).sqrt_().add_(self.EPSILON)
        self.values.addcdiv_(self.mean, scale, value=-learning_rate / (1 - beta1**self.steps))
