"""The gradient of one adapter through autograd, over padded parts that fit into memory.

What `adapter_gradients` uses for every architecture that is not computed packed, and on every
device but the processor.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn
from torch.utils.checkpoint import CheckpointError

from sqltune.local_lora.gradients.flat_adapter import FlatAdapter
from sqltune.local_lora.gradients.memory_use import (
    MemoryUse,
    Part,
    can_recompute,
    is_out_of_memory,
    recomputing,
    release_memory,
    use_less,
)
from sqltune.local_lora.gradients.padded_loss import measure_padded, padded_loss
from sqltune.local_lora.gradients.parts import cut_into_parts
from sqltune.local_lora.gradients.repeatable import is_not_repeatable, repeatable
from sqltune.local_lora.gradients.step_loss import StepLoss, add_up
from sqltune.local_lora.loaded_model import LoadedModel
from sqltune.local_lora.lora_options import LoraOptions
from sqltune.local_lora.tokenising import TokenisedSample

_log = logging.getLogger(__name__)

#: Tokens at once on a GPU, where more are faster for as long as they fit.
_GPU_TOKENS_AT_ONCE = 16_384


class PaddedGradients:
    """Adds up a step's gradient, part by part, in as much memory as there is."""

    def __init__(
        self, base: LoadedModel, slot: str, adapter: FlatAdapter, options: LoraOptions
    ) -> None:
        """Begin with parts that are as large as the options or the device allow.

        Args:
            base: the base model.
            slot: the adapter's name inside the network.
            adapter: its matrices; gradients are added to `adapter.gradient`.
            options: dropout, seed and how many tokens to compute at once.
        """
        self._base = base
        self._slot = slot
        self._adapter = adapter
        self._options = options
        self._device = adapter.values.device
        self._most = options.tokens_at_once
        if self._device.type != "cpu":
            self._most = max(self._most, _GPU_TOKENS_AT_ONCE)
        self._can_recompute = can_recompute(base.network)
        self._is_repeatable = True
        #: What was found to fit so far.
        self.memory = MemoryUse(self._most)
        #: What was found out while training, in words; the caller takes it out.
        self.notes: list[str] = []

    def compute(
        self,
        samples: Sequence[TokenisedSample],
        token_weight: float,
        step: int,
        check: Callable[[], None],
        limit: int | None = None,
    ) -> StepLoss:
        """Return the loss of a step; `adapter.gradient`, which is zero, becomes its gradient.

        Args:
            samples: the step.
            token_weight: factor on every trained token's loss, besides its sample's weight.
            step: its number, which decides what dropout drops.
            check: called before each part; what it raises ends the computation.
            limit: fewer tokens at once than what fits.
        """
        while True:
            tokens = min(self.memory.tokens_at_once, limit or self._most)
            parts = list(cut_into_parts(samples, tokens, padded=True))
            size = _Size()
            try:
                return self._add_parts(parts, token_weight, step, check, size)
            except (MemoryError, RuntimeError) as error:
                if not self._can_repeat(error, size.part):
                    raise
            # Only here, where the error's frames with their tensors are gone.
            release_memory(self._device)
            self._adapter.gradient.zero_()

    def measure(self, samples: Sequence[TokenisedSample], check: Callable[[], None]) -> StepLoss:
        """Return the loss of samples that are not trained, computed in parts that fit too.

        What does not fit here does not change the parts of the steps.

        Args:
            samples: as many as are tokenised at once.
            check: called before each part; what it raises ends the computation.
        """
        limit = min(self._options.tokens_at_once, self.memory.tokens_at_once)
        while True:
            size = _Size()
            try:
                return self._measure_parts(samples, limit, check, size)
            except (MemoryError, RuntimeError) as error:
                failed = size.part
                if failed is None or failed.samples == 1 or not is_out_of_memory(error):
                    raise
                limit = failed.tokens // 2
            release_memory(self._device)

    def _measure_parts(
        self,
        samples: Sequence[TokenisedSample],
        limit: int,
        check: Callable[[], None],
        size: _Size,
    ) -> StepLoss:
        self._base.peft.set_adapter(self._slot)
        losses = []
        for part in cut_into_parts(samples, limit, padded=True):
            check()
            size.part = Part(len(part), len(part) * len(part[0].token_ids))
            losses.append(measure_padded(self._base.network, part))
        return add_up(losses)

    def _add_parts(
        self,
        parts: list[list[TokenisedSample]],
        token_weight: float,
        step: int,
        check: Callable[[], None],
        size: _Size,
    ) -> StepLoss:
        network = self._base.network
        self._base.peft.set_adapter(self._slot)
        is_random = self._options.dropout > 0
        losses = []
        with (
            _dropping(network, is_random),
            seeded(self._options.seed, step, device=self._device),
            recomputing(network, is_on=self.memory.recomputes, is_random=is_random),
            repeatable(self._device, is_on=self._is_repeatable),
            self._adapter.autograd_in(self._base.dtype) as add_gradient,
        ):
            for part in parts:
                check()
                size.part = Part(len(part), len(part) * len(part[0].token_ids))
                losses.append(
                    padded_loss(network, part, token_weight, self._base.peft.disable_adapter)
                )
                add_gradient()
        return add_up(losses)

    def _can_repeat(self, error: BaseException, failed: Part | None) -> bool:
        """Change what the error calls for, and return whether the step is computed again."""
        if is_not_repeatable(error) and self._is_repeatable:
            self._is_repeatable = False
            self._note(f"equal trainings may differ in the last bits on this device: {error}")
            return True
        if isinstance(error, CheckpointError) and self.memory.recomputes:
            self._can_recompute = False
            self.memory = MemoryUse(self._most)
            self._note(f"layers cannot be computed twice on this device: {error}".splitlines()[0])
            return True
        if failed is None or not is_out_of_memory(error):
            return False
        less = use_less(self.memory, failed, at_most=self._most, can_recompute=self._can_recompute)
        if less is None:
            return False
        self.memory = less
        self._note(
            f"{failed.samples} samples of {failed.tokens:,} tokens with padding did not fit into "
            f"memory; from here on {less.describe()}"
        )
        return True

    def _note(self, note: str) -> None:
        self.notes.append(note)
        _log.info(note, extra={"event": "memory_measured"})


class _Size:
    """The part that is computed at the moment."""

    part: Part | None = None


@contextmanager
def seeded(*seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Let these numbers decide torch's random numbers in the block, and restore them afterwards."""
    is_cuda = device is not None and device.type == "cuda"
    with torch.random.fork_rng(devices=[torch.cuda.current_device()] if is_cuda else []):
        torch.manual_seed(hash(seed) % 2**63)
        yield


@contextmanager
def _dropping(network: nn.Module, is_on: bool) -> Iterator[None]:
    """Switch LoRA's dropout on; the base model's own stays off, as when it answers."""
    dropouts = [m for name, m in network.named_modules() if ".lora_dropout." in name]
    for module in dropouts if is_on else []:
        module.train()
    try:
        yield
    finally:
        for module in dropouts:
            module.eval()
