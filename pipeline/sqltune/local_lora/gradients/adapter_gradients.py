"""From samples to the gradient of one adapter: packed where that is known to be right, else padded.

Both ways compute the same numbers up to rounding. Before the first step they are compared on this
very model, because a configuration that looks like Llama's may still compute otherwise.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn

from sqltune.local_lora.gradients.flat_adapter import FlatAdapter
from sqltune.local_lora.gradients.llama_layers import has_known_layout
from sqltune.local_lora.gradients.packed_llama import PackedLlama
from sqltune.local_lora.gradients.padded_loss import padded_loss
from sqltune.local_lora.gradients.shared_tokens import LEAST_SHARED_TOKENS
from sqltune.local_lora.gradients.step_loss import StepLoss
from sqltune.local_lora.loaded_model import LoadedModel
from sqltune.local_lora.lora_options import LoraOptions
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
        if self._packed and not self._agrees(self._packed):
            _log.info("this model is trained padded", extra={"event": "packing_unavailable"})
            self.pad()

    @property
    def is_packed(self) -> bool:
        """Whether samples are packed; False: padded, slower, for any architecture."""
        return self._packed is not None

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
        weight = sum(sum(sample.token_weights) for sample in samples)
        token_weight = 1 / weight if weight else 0.0
        limit = tokens_at_once or self._options.tokens_at_once
        parts = list(cut_into_parts(samples, limit, padded=not self.is_packed))
        if self._packed:
            return self._packed_loss(self._packed, parts, token_weight, check)
        return self._padded_loss(parts, token_weight, step, check)

    def _packed_loss(
        self,
        packed: PackedLlama,
        parts: list[list[TokenisedSample]],
        token_weight: float,
        check: Callable[[], None],
    ) -> StepLoss:
        matrices = self.adapter.views_of(self.adapter.values.to(self._base.dtype))
        gradients = self.adapter.gradients
        return _add_up(
            packed.loss_and_gradients(part, token_weight, matrices, gradients, check)
            for part in parts
        )

    def _padded_loss(
        self,
        parts: list[list[TokenisedSample]],
        token_weight: float,
        step: int,
        check: Callable[[], None],
    ) -> StepLoss:
        network = self._base.network
        self._base.peft.set_adapter(self._slot)
        self.adapter.collect_autograd()
        with _dropping(network, self._options), seeded(self._options.seed, step):
            losses = []
            for part in parts:
                check()
                losses.append(padded_loss(network, part, token_weight))
        return _add_up(losses)

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
        expected_loss = self._padded_loss([samples], weight, 0, _check_nothing).weighted
        error = torch.linalg.vector_norm(gradient - adapter.gradient)
        relative = float(error / torch.linalg.vector_norm(adapter.gradient))
        adapter.release_autograd()
        adapter.gradient.zero_()
        adapter.values.copy_(fresh)
        tolerance = _TOLERANCE.get(self._base.dtype, 0.0)
        _log.debug(
            "packed and padded gradients are %.1e apart",
            relative,
            extra={"event": "packing_checked", "relative": relative},
        )
        return relative < tolerance and abs(loss - expected_loss) < tolerance * abs(expected_loss)


def cut_into_parts(
    samples: Sequence[TokenisedSample], limit: int, *, padded: bool
) -> Iterator[list[TokenisedSample]]:
    """Yield the samples in parts of at most `limit` tokens (padding counted), longest first."""
    part: list[TokenisedSample] = []
    size = 0
    for sample in sorted(samples, key=lambda sample: -len(sample.token_ids)):
        length = len(part[0].token_ids) if padded and part else len(sample.token_ids)
        if part and size + length > limit:
            yield part
            part, size, length = [], 0, len(sample.token_ids)
        part.append(sample)
        size += length
    if part:
        yield part


@contextmanager
def seeded(*seed: int) -> Iterator[None]:
    """Let these numbers decide torch's random numbers in the block, and restore them afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(hash(seed) % 2**63)
        yield


def _add_up(losses: Iterable[StepLoss]) -> StepLoss:
    parts = list(losses)
    return StepLoss(
        weighted=math.fsum(part.weighted for part in parts),
        sample_sum=math.fsum(part.sample_sum for part in parts),
    )


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
    if is_elsewhere or options.dropout or not has_known_layout(base.network.config):
        return None
    return PackedLlama(base.network, slot, options.rank, options.alpha / options.rank)


def _probe_samples(vocabulary: int, generator: torch.Generator) -> list[TokenisedSample]:
    shared = torch.randint(vocabulary, (LEAST_SHARED_TOKENS,), generator=generator).tolist()

    def sample(length: int, start: int) -> TokenisedSample:
        ids = torch.randint(vocabulary, (length,), generator=generator)
        return TokenisedSample((*shared, *ids.tolist()), len(shared) + start)

    return [sample(11, 4), sample(7, 2)]


@contextmanager
def _dropping(network: nn.Module, options: LoraOptions) -> Iterator[None]:
    """Switch LoRA's dropout on; the base model's own stays off, as when it answers."""
    dropouts = [m for name, m in network.named_modules() if ".lora_dropout." in name]
    for module in dropouts if options.dropout else []:
        module.train()
    try:
        yield
    finally:
        for module in dropouts:
            module.eval()
