"""The same first LoRA values for every variant, so that losses can be compared step by step."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from tests.bench.training_rows import SEED


@torch.no_grad()
def start_alike(matrices: Mapping[str, Tensor]) -> None:
    """Fill every A as peft does, in the order of the names, from one seed; B stays 0.

    Args:
        matrices: LoRA matrices by name; names may differ before and after the layer.
    """
    generator = torch.Generator().manual_seed(SEED)
    for name in sorted(name for name in matrices if "lora_A" in name):
        bound = matrices[name].shape[1] ** -0.5
        matrices[name].uniform_(-bound, bound, generator=generator)
