"""How a step is cut to fit into memory: found out by trying, never by a formula.

A step begins as few large parts. A part that does not fit is halved, and all parts are computed
again: their gradients add up to the same gradient. Where halves would be so small that the device
is idle, the layers' activations are computed a second time instead of being stored, and parts are
large again.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint
from transformers.modeling_layers import GradientCheckpointingLayer

#: A part with fewer tokens costs more in idle time than the second forward pass of recomputing.
LEAST_TOKENS = 1024
#: What torch's allocators report, on processors and on accelerators.
_NO_MEMORY = re.compile("allocate memory|out of memory", re.IGNORECASE)


@dataclass(frozen=True)
class MemoryUse:
    """What bounds the memory of a step."""

    #: Tokens computed at once, padding counted.
    tokens_at_once: int
    #: Whether layers are computed again in the backward pass (gradient checkpointing).
    recomputes: bool = False

    def describe(self) -> str:
        """Return it in words, for the log."""
        again = ", and each layer computed twice instead of stored" if self.recomputes else ""
        return f"at most {self.tokens_at_once:,} tokens at once{again}"


@dataclass(frozen=True)
class Part:
    """The size of what did not fit."""

    samples: int
    #: With padding.
    tokens: int


def use_less(
    used: MemoryUse, failed: Part, *, at_most: int, can_recompute: bool
) -> MemoryUse | None:
    """Return what to try after a part did not fit; None: nothing is left to try.

    Args:
        used: what was tried.
        failed: the part that did not fit.
        at_most: tokens at once with which the first try began.
        can_recompute: whether the network's layers can be computed twice.
    """
    half = failed.tokens // 2
    if can_recompute and not used.recomputes and (failed.samples == 1 or half < LEAST_TOKENS):
        return MemoryUse(at_most, recomputes=True)
    if failed.samples == 1:
        return None
    return replace(used, tokens_at_once=half)


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory ran out."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError) and bool(_NO_MEMORY.search(str(error)))


def release_memory(device: torch.device) -> None:
    """Return what a failed part had allocated, so that smaller ones find it in one piece."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def can_recompute(network: Any) -> bool:
    """Return whether transformers marks layers of this network that can be computed twice."""
    return any(isinstance(module, GradientCheckpointingLayer) for module in network.modules())


@contextmanager
def recomputing(network: Any, *, is_on: bool, is_random: bool) -> Iterator[None]:
    """Store only the inputs of layers in the block; the backward pass computes the rest again.

    Not with transformers' own switch, which works only in training mode, where the base model's
    dropout would be on.

    Args:
        network: a transformers causal LM.
        is_on: False: nothing changes.
        is_random: whether layers draw random numbers, which must be the same the second time.
    """
    layers = [m for m in network.modules() if isinstance(m, GradientCheckpointingLayer)]
    # accelerate replaces a layer's forward too, in the same place.
    replaced = [(layer, layer.__dict__.get("forward")) for layer in layers if is_on]
    for layer, _ in replaced:
        layer.forward = partial(
            checkpoint, layer.forward, use_reentrant=False, preserve_rng_state=is_random
        )
    try:
        yield
    finally:
        for layer, forward in replaced:
            del layer.forward
            if forward is not None:
                layer.forward = forward
