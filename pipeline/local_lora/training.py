"""The training loop of one adapter: a step at a time, so that the caller decides what comes next.

The caller deals out the samples of each step (steps.py); this file turns them into gradients,
packed (`packed_llama`, where it was found to agree with the model's own arithmetic) or padded, and
into one optimizer step. Same base model, options, samples, machine and threads: same weights.
"""

from __future__ import annotations

import logging
import math
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from pipeline.errors import LossNotFinite, OutOfMemory, PipelineError, TrainingError
from pipeline.local_lora.adapters import SavedAdapter, save_adapter
from pipeline.local_lora.checkpoints import Checkpoint, read_checkpoint, write_checkpoint
from pipeline.local_lora.flat_adapter import FlatAdapter
from pipeline.local_lora.models import BaseModel
from pipeline.local_lora.optimiser import AdamW, Schedule, learning_rate_at
from pipeline.local_lora.packed_llama import PackedLlama, has_known_layout
from pipeline.local_lora.padded import padded_loss
from pipeline.local_lora.steps import Pair
from pipeline.local_lora.tokenising import TokenisedSample, tokenise_pair

_log = logging.getLogger(__name__)

#: How far the packed way may be from the model's own arithmetic: float32, and bf16 rounding.
_TOLERANCE = {torch.float32: 1e-3, torch.bfloat16: 5e-2}

#: What torch's allocators say, on processors and on accelerators.
_NO_MEMORY = re.compile("allocate memory|out of memory", re.IGNORECASE)


@dataclass(frozen=True)
class LoraOptions:
    """What the weights depend on, besides base model and samples."""

    #: r: inner width of each LoRA pair.
    rank: int = 16
    #: The LoRA part is multiplied by alpha / rank.
    alpha: float = 32.0
    #: Share of a LoRA pair's input that is dropped while training; above 0 training is padded.
    dropout: float = 0.0
    #: Highest learning rate.
    learning_rate: float = 2e-4
    #: Share of the steps in which the rate rises.
    warmup_share: float = 0.1
    #: How it goes afterwards.
    schedule: Schedule = Schedule.LINEAR
    #: The gradient is shortened to this length; 0 leaves it.
    max_gradient_norm: float = 1.0
    #: AdamW's.
    weight_decay: float = 0.0
    #: Decides the first values of A and what dropout drops.
    seed: int = 0
    #: Tokens computed at once; a larger step is added up from several parts. Bounds the memory.
    tokens_at_once: int = 2048


@dataclass(frozen=True)
class StepMetrics:
    """One optimizer step."""

    #: 1, 2, 3 …
    step: int
    #: Weighted mean over the trained tokens, in nats, before the step.
    loss: float
    #: Of this step.
    learning_rate: float
    #: Prompt and response, without padding.
    tokens: int
    #: Those that count in the loss.
    trained_tokens: int
    #: Length of the gradient before it was shortened.
    gradient_norm: float
    #: Duration of the step.
    seconds: float


class LoraTrainer:
    """Trains one adapter on a base model; the adapter stays on it under `name` until closed."""

    def __init__(
        self, base: BaseModel, options: LoraOptions, total_steps: int, *, name: str = "training"
    ) -> None:
        """Put fresh LoRA matrices on the base model: B is zero, so it still answers like the base.

        Args:
            base: the base model; the caller's lock on it must be held, here and in `step`.
            options: what is trained.
            total_steps: optimizer steps until the learning rate has run out.
            name: what the adapter is called on the base model.
        """
        self.base = base
        self.options = options
        self.total_steps = total_steps
        self.name = name
        with _seeded(options.seed):
            slot = base.add_adapter(_lora_config(base, options), name)
        self._packed = _packed_model(base, slot, options)
        self.adapter = FlatAdapter(_lora_parameters(base.network, slot, self._packed))
        self._optimiser = AdamW(self.adapter.values, options.weight_decay)
        if self._packed and not _agrees(self):
            _log.info("this model is trained padded", extra={"event": "packing_unavailable"})
            self._packed = None

    @property
    def steps_done(self) -> int:
        """Optimizer steps that are in the weights."""
        return self._optimiser.steps

    @property
    def is_packed(self) -> bool:
        """Whether samples are packed; False: padded, slower, for any architecture."""
        return self._packed is not None

    def step(self, pairs: Sequence[Pair]) -> StepMetrics:
        """One optimizer step on these pairs.

        Raises:
            DataError: a pair has more tokens than the base model reads.
            LossNotFinite: the loss is not a number; the weights stay as they were.
            OutOfMemory: the step does not fit into memory; the weights stay as they were.
        """
        return self.step_on([self.tokenise(pair) for pair in pairs])

    def tokenise(self, pair: Pair) -> TokenisedSample:
        """A pair as this base model reads it.

        Raises:
            DataError: it has more tokens than that.
        """
        return tokenise_pair(
            pair,
            self.base.tokenizer,
            max_length=self.base.max_length,
            prompt_format=self.base.prompt_format,
        )

    def step_on(self, samples: Sequence[TokenisedSample]) -> StepMetrics:
        """One optimizer step on samples that are tokenised already; see `step`."""
        started = time.monotonic()
        rate = self._learning_rate()
        with _translate_memory(samples):
            loss = self.compute_gradient(samples)
        norm = float(torch.linalg.vector_norm(self.adapter.gradient))
        self._refuse_not_finite(loss, norm)
        limit = self.options.max_gradient_norm
        if 0 < limit < norm:
            self.adapter.gradient.mul_(limit / (norm + 1e-6))
        self._optimiser.step(self.adapter.gradient, rate)
        return StepMetrics(
            step=self.steps_done,
            loss=loss,
            learning_rate=rate,
            tokens=sum(len(sample.token_ids) for sample in samples),
            trained_tokens=sum(sample.response_tokens for sample in samples),
            gradient_norm=norm,
            seconds=time.monotonic() - started,
        )

    def compute_gradient(self, samples: Sequence[TokenisedSample]) -> float:
        """The mean loss of the samples; its gradient is then in `adapter.gradient`."""
        self.adapter.gradient.zero_()
        weight = sum(sample.weight * sample.response_tokens for sample in samples)
        token_weight = 1 / weight if weight else 0.0
        if self._packed:
            return self._packed_loss(self._packed, samples, token_weight)
        return self._padded_loss(samples, token_weight)

    def save(self, folder: Path | str, *, fingerprint: str | None = None) -> SavedAdapter:
        """Write the adapter in PEFT's format, with a manifest file.

        Args:
            folder: where to; replaced if it is there.
            fingerprint: of the samples that it was trained on.

        Raises:
            BackendError: it cannot be written, for instance because the disk is full.
        """
        slot = self.base.slot(self.name)
        self.base.peft.peft_config[slot].base_model_name_or_path = self.base.identity.name
        return save_adapter(
            self.base.peft,
            slot,
            Path(folder),
            {
                "base_model": self.base.identity.name,
                "base_model_revision": self.base.identity.revision,
                "fingerprint": fingerprint,
                **asdict(self.options),
                "steps": self.steps_done,
                "precision": str(self.base.dtype).removeprefix("torch."),
                "prompt_format": str(self.base.prompt_format),
                "is_packed": self.is_packed,
                "threads": torch.get_num_threads(),
                "torch_version": torch.__version__,
            },
        )

    def checkpoint(self, folder: Path | str) -> Path:
        """Write all that `resume` needs to end with the same weights, bit by bit; gives the file.

        Raises:
            BackendError: it cannot be written, for instance because the disk is full.
        """
        vectors = {
            "values": self.adapter.values,
            "mean": self._optimiser.mean,
            "square": self._optimiser.square,
        }
        tensors = {
            f"{kind}/{_portable(name, self.base.slot(self.name))}": view
            for kind, vector in vectors.items()
            for name, view in self.adapter.views_of(vector).items()
        }
        position = Checkpoint(self.steps_done, self.total_steps, asdict(self.options))
        return write_checkpoint(Path(folder), position, tensors)

    @classmethod
    def resume(cls, base: BaseModel, folder: Path | str, *, name: str = "training") -> LoraTrainer:
        """A trainer that goes on where a checkpoint was written.

        Raises:
            TrainingError: there is no checkpoint that can be read, or it is of another base model.
        """
        position, tensors = read_checkpoint(Path(folder))
        fields: dict[str, Any] = position.options
        options = LoraOptions(**{**fields, "schedule": Schedule(fields["schedule"])})
        trainer = cls(base, options, position.total_steps, name=name)
        try:
            trainer._restore(tensors, position.steps_done)
        except (KeyError, RuntimeError) as exc:
            trainer.close()
            raise TrainingError(
                f"the checkpoint in {folder} is not of base model {base.identity.name!r} ({exc}); "
                "delete it and train from the start"
            ) from exc
        return trainer

    def close(self) -> None:
        """Take the adapter off the base model."""
        self.adapter.release_autograd()
        self.base.unload_adapter(self.name)

    def _restore(self, tensors: Mapping[str, Tensor], steps_done: int) -> None:
        slot = self.base.slot(self.name)
        targets = {
            "values": self.adapter.values,
            "mean": self._optimiser.mean,
            "square": self._optimiser.square,
        }
        for kind, vector in targets.items():
            for name, view in self.adapter.views_of(vector).items():
                view.copy_(tensors[f"{kind}/{_portable(name, slot)}"])
        self._optimiser.steps = steps_done

    def _learning_rate(self) -> float:
        return learning_rate_at(
            self.steps_done,
            total_steps=self.total_steps,
            peak=self.options.learning_rate,
            warmup_share=self.options.warmup_share,
            schedule=self.options.schedule,
        )

    def _packed_loss(
        self, packed: PackedLlama, samples: Sequence[TokenisedSample], token_weight: float
    ) -> float:
        matrices = self.adapter.views_of(self.adapter.values.to(self.base.dtype))
        gradients = self.adapter.gradients
        parts = _parts(samples, self.options.tokens_at_once, padded=False)
        return math.fsum(
            packed.loss_and_gradients(part, token_weight, matrices, gradients) for part in parts
        )

    def _padded_loss(self, samples: Sequence[TokenisedSample], token_weight: float) -> float:
        network = self.base.network
        self.base.peft.set_adapter(self.base.slot(self.name))
        self.adapter.collect_autograd()
        parts = _parts(samples, self.options.tokens_at_once, padded=True)
        with _dropping(network, self.options), _seeded(self.options.seed, self.steps_done):
            return math.fsum(padded_loss(network, part, token_weight) for part in parts)

    def _refuse_not_finite(self, loss: float, norm: float) -> None:
        if math.isfinite(loss) and math.isfinite(norm):
            return
        raise LossNotFinite(
            f"the loss of step {self.steps_done + 1} is {loss} and its gradient's length {norm}; "
            f"lower learning_rate ({self.options.learning_rate:g}) or look for damaged samples"
        )


def _lora_config(base: BaseModel, options: LoraOptions) -> LoraConfig:
    return LoraConfig(
        task_type="CAUSAL_LM",
        r=options.rank,
        lora_alpha=options.alpha,  # type: ignore[arg-type]  # peft computes with floats too
        lora_dropout=options.dropout,
        target_modules="all-linear",
        # GPT-2's layers keep their weights the other way round, and peft wants to be told.
        fan_in_fan_out=any(isinstance(module, Conv1D) for module in base.network.modules()),
        base_model_name_or_path=base.identity.name,
        revision=None,
    )


def _lora_parameters(
    network: nn.Module, slot: str, packed: PackedLlama | None
) -> list[tuple[str, nn.Parameter]]:
    """The adapter's matrices, in the order that the packed model wants."""
    named = {name: p for name, p in network.named_parameters() if f".{slot}." in f".{name}."}
    order = packed.matrix_names if packed else list(named)
    return [(name, named[name]) for name in order]


def _packed_model(base: BaseModel, slot: str, options: LoraOptions) -> PackedLlama | None:
    if options.dropout or not has_known_layout(base.network.config):
        return None
    return PackedLlama(base.network, slot, options.rank, options.alpha / options.rank)


@torch.no_grad()
def _agrees(trainer: LoraTrainer) -> bool:
    """Whether packed and padded give the same loss and gradient for this very model.

    Asked with LoRA matrices that are not zero, on two samples of different length, before the first
    step; the matrices are put back afterwards.
    """
    adapter, packed = trainer.adapter, trainer._packed
    assert packed is not None  # noqa: S101  the caller asked
    fresh = adapter.values.clone()
    generator = torch.Generator().manual_seed(0)
    adapter.values.copy_(torch.randn(fresh.shape, generator=generator).mul_(0.02))
    samples = _probe_samples(trainer.base.network.config.vocab_size, generator)
    weight = 1 / sum(sample.response_tokens for sample in samples)
    loss = trainer._packed_loss(packed, samples, weight)
    gradient = adapter.gradient.clone()
    adapter.gradient.zero_()
    expected_loss = trainer._padded_loss(samples, weight)
    error = torch.linalg.vector_norm(gradient - adapter.gradient)
    relative = float(error / torch.linalg.vector_norm(adapter.gradient))
    tolerance = _TOLERANCE.get(trainer.base.dtype, 0.0)
    adapter.release_autograd()
    adapter.gradient.zero_()
    adapter.values.copy_(fresh)
    return relative < tolerance and abs(loss - expected_loss) < tolerance * abs(expected_loss)


def _probe_samples(vocabulary: int, generator: torch.Generator) -> list[TokenisedSample]:
    def sample(length: int, start: int) -> TokenisedSample:
        ids = torch.randint(vocabulary, (length,), generator=generator)
        return TokenisedSample(tuple(ids.tolist()), start)

    return [sample(11, 4), sample(7, 2)]


def _parts(
    samples: Sequence[TokenisedSample], limit: int, *, padded: bool
) -> Iterator[list[TokenisedSample]]:
    """The samples in parts of at most `limit` tokens (padding counted), longest first."""
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
def _seeded(*seed: int) -> Iterator[None]:
    """Torch's random numbers as decided by these numbers, and as before afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(hash(seed) % 2**63)
        yield


@contextmanager
def _dropping(network: nn.Module, options: LoraOptions) -> Iterator[None]:
    """LoRA's dropout switched on; the base model's own stays off, as it is when it answers."""
    dropouts = [m for name, m in network.named_modules() if ".lora_dropout." in name]
    for module in dropouts if options.dropout else []:
        module.train()
    try:
        yield
    finally:
        for module in dropouts:
            module.eval()


@contextmanager
def _translate_memory(samples: Sequence[TokenisedSample]) -> Iterator[None]:
    try:
        yield
    except PipelineError:
        raise
    except (MemoryError, RuntimeError) as exc:
        if not isinstance(exc, MemoryError) and not _NO_MEMORY.search(str(exc)):
            raise
        longest = max((len(sample.token_ids) for sample in samples), default=0)
        raise OutOfMemory(
            f"a training step does not fit into memory (longest sample: {longest} tokens); lower "
            "tokens_at_once, leave long samples out, or use a smaller base model"
        ) from exc


def _portable(name: str, slot: str) -> str:
    """A matrix's name without the adapter's name inside of the network."""
    return name.replace(f".{slot}.", ".")
