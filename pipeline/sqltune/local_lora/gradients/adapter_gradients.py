"""From samples to the gradient of one adapter: packed where that is known to be right, else padded.

Both ways compute the same numbers up to rounding. Before the first step they are compared on this
very model, because a configuration that looks like Llama's may still compute otherwise.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import torch
from torch import nn

from sqltune.local_lora.gradients.flat_adapter import FlatAdapter
from sqltune.local_lora.gradients.llama_layers import has_known_layout
from sqltune.local_lora.gradients.memory_use import MemoryUse
from sqltune.local_lora.gradients.packed_llama import PackedLlama
from sqltune.local_lora.gradients.padded_gradients import PaddedGradients
from sqltune.local_lora.gradients.parts import cut_into_parts
from sqltune.local_lora.gradients.shared_tokens import LEAST_SHARED_TOKENS
from sqltune.local_lora.gradients.step_loss import StepLoss, add_up
from sqltune.local_lora.loaded_model import LoadedModel
from sqltune.local_lora.lora_options import LoraOptions
from sqltune.local_lora.quantization import Quantization
from sqltune.local_lora.tokenising import TokenisedSample

_log = logging.getLogger(__name__)

#: How far packed and padded gradients may be apart, relative: rounding is far below, another
#: arithmetic far above.
_TOLERANCE = {torch.float32: 1e-3, torch.bfloat16: 0.1}


def _check_nothing() -> None:
    """Do nothing, where the caller has nothing to check."""


class AdapterGradients:
    """Computes the gradient of one adapter that is on a base model, step by step."""

    def __init__(self, base: LoadedModel, slot: str, options: LoraOptions) -> None:
        """Choose the way.

        Args:
            base: the base model.
            slot: the adapter's name inside the network.
            options: rank, dropout, seed and how many tokens to compute at once.
        """
        self._base = base
        self._slot = slot
        self._options = options
        self._packed = _packed_model(base, slot, options)
        #: The adapter's values and, after `compute`, its gradient.
        self.adapter = FlatAdapter(_lora_parameters(base.network, slot, self._packed))
        self._padded = PaddedGradients(base, slot, self.adapter, options)
        if self._packed and not self._agrees(self._packed):
            _log.info("this model is trained padded", extra={"event": "packing_unavailable"})
            self.pad()

    @property
    def is_packed(self) -> bool:
        """Whether samples are packed; False: padded, slower, for any architecture."""
        return self._packed is not None

    @property
    def memory(self) -> MemoryUse:
        """What was found to fit into memory where samples are padded."""
        return self._padded.memory

    @memory.setter
    def memory(self, memory: MemoryUse) -> None:
        self._padded.memory = memory

    def take_notes(self) -> list[str]:
        """Return what was found out about memory since the last call, in words."""
        notes, self._padded.notes = self._padded.notes, []
        return notes

    def pad(self) -> None:
        """Pad the samples from now on."""
        self._packed = None

    def compute(
        self,
        samples: Sequence[TokenisedSample],
        step: int,
        *,
        tokens_at_once: int | None = None,
        check: Callable[[], None] = _check_nothing,
    ) -> StepLoss:
        """Return the loss; its gradient is then in `adapter.gradient`.

        Args:
            samples: one optimizer step.
            step: its number, which decides what dropout drops.
            tokens_at_once: another limit than the options'.
            check: called at short intervals; what it raises ends the computation.
        """
        self.adapter.gradient.zero_()
        weight = sum(sample.weight * sample.trained_tokens for sample in samples)
        token_weight = 1 / weight if weight else 0.0
        if self._packed:
            limit = tokens_at_once or self._options.tokens_at_once
            parts = list(cut_into_parts(samples, limit, padded=False))
            return self._packed_loss(self._packed, parts, token_weight, check)
        return self._padded.compute(samples, token_weight, step, check, tokens_at_once)

    def measure(
        self, samples: Sequence[TokenisedSample], *, check: Callable[[], None] = _check_nothing
    ) -> StepLoss:
        """Return the loss of samples that are not trained; nothing is dropped, no gradient made.

        Args:
            samples: as many as are tokenised at once.
            check: called at short intervals; what it raises ends the computation.
        """
        packed = self._packed
        if packed is None:
            return self._padded.measure(samples, check)
        parts = cut_into_parts(samples, self._options.tokens_at_once, padded=False)
        matrices = self.adapter.views_of(self.adapter.values.to(self._base.dtype))
        return add_up([packed.loss(part, matrices, check) for part in parts])

    def _packed_loss(
        self,
        packed: PackedLlama,
        parts: list[list[TokenisedSample]],
        token_weight: float,
        check: Callable[[], None],
    ) -> StepLoss:
        matrices = self.adapter.views_of(self.adapter.values.to(self._base.dtype))
        gradients = self.adapter.gradients
        return add_up(
            [
                packed.loss_and_gradients(part, token_weight, matrices, gradients, check)
                for part in parts
            ]
        )

    @torch.no_grad()
    def _agrees(self, packed: PackedLlama) -> bool:
        """Return whether both ways compute the same loss and gradient on two short samples, which
        begin alike.

        B is zero in a fresh adapter and would hide every error in A's gradient, so other values are
        used for the comparison.
        """
        adapter = self.adapter
        fresh = adapter.values.clone()
        generator = torch.Generator().manual_seed(0)
        adapter.values.copy_(torch.randn(fresh.shape, generator=generator).mul_(0.02))
        samples = _probe_samples(self._base.network.config.vocab_size, generator)
        weight = 1 / sum(sample.trained_tokens for sample in samples)
        loss = self._packed_loss(packed, [samples], weight, _check_nothing).weighted
        gradient = adapter.gradient.clone()
        adapter.gradient.zero_()
        expected_loss = self._padded.compute(samples, weight, 0, _check_nothing).weighted
        error = torch.linalg.vector_norm(gradient - adapter.gradient)
        relative = float(error / torch.linalg.vector_norm(adapter.gradient))
        adapter.gradient.zero_()
        adapter.values.copy_(fresh)
        tolerance = _TOLERANCE.get(self._base.dtype, 0.0)
        _log.debug(
            "packed and padded gradients are %.1e apart",
            relative,
            extra={"event": "packing_checked", "relative": relative},
        )
        return relative < tolerance and abs(loss - expected_loss) < tolerance * abs(expected_loss)


def _lora_parameters(
    network: nn.Module, slot: str, packed: PackedLlama | None
) -> list[tuple[str, nn.Parameter]]:
    """Return the adapter's matrices, in the order that the packed model needs."""
    named = {name: p for name, p in network.named_parameters() if f".{slot}." in f".{name}."}
    order = packed.matrix_names if packed else list(named)
    return [(name, named[name]) for name in order]


def _packed_model(base: LoadedModel, slot: str, options: LoraOptions) -> PackedLlama | None:
    # On a graphics processor, transformers' own attention is faster than ours.
    is_elsewhere = base.network.device.type != "cpu"
    is_quantised = base.quantization is not Quantization.NONE
    if is_elsewhere or is_quantised or options.dropout:
        return None
    if not has_known_layout(base.network.config):
        return None
    return PackedLlama(base.network, slot, options.rank, options.alpha / options.rank)


def _probe_samples(vocabulary: int, generator: torch.Generator) -> list[TokenisedSample]:
    shared = torch.randint(vocabulary, (LEAST_SHARED_TOKENS,), generator=generator).tolist()

    def sample(length: int, start: int, *, is_rehearsal: bool) -> TokenisedSample:
        ids = torch.randint(vocabulary, (length,), generator=generator)
        return TokenisedSample(
            (*shared, *ids.tolist()), len(shared) + start, is_rehearsal=is_rehearsal
        )

    return [sample(11, 4, is_rehearsal=False), sample(7, 2, is_rehearsal=True)]
