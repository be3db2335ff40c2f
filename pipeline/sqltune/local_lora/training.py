"""The training of one adapter: a step at a time, so that the caller decides what comes next.

The caller decides which samples each step takes (steps.py), `gradients` turns them into a gradient,
and this file makes one optimizer step of it. Same base model, options, samples, machine and
threads: same weights.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sqltune.errors import LossNotFinite, TrainingError
from sqltune.local_lora.adapters import SavedAdapter, save_adapter
from sqltune.local_lora.best_epoch import BestEpoch, read_best
from sqltune.local_lora.checkpoints import Checkpoint, read_checkpoint, write_checkpoint
from sqltune.local_lora.conversations import tokenise_sample
from sqltune.local_lora.gradients.adapter_gradients import AdapterGradients
from sqltune.local_lora.gradients.memory_use import MemoryUse
from sqltune.local_lora.gradients.padded_gradients import seeded
from sqltune.local_lora.loaded_model import LoadedModel
from sqltune.local_lora.lora_config import make_lora_config
from sqltune.local_lora.lora_options import LoraOptions, LoraStep
from sqltune.local_lora.optimiser import AdamW, Schedule, learning_rate_at
from sqltune.local_lora.out_of_memory import translate_memory
from sqltune.local_lora.steps import Pair
from sqltune.local_lora.throttling import throttled
from sqltune.local_lora.tokenising import TokenisedSample


class LoraTrainer:
    """Trains one adapter on a base model; the adapter stays on it under `name` until closed."""

    def __init__(
        self, base: LoadedModel, options: LoraOptions, total_steps: int, *, name: str = "training"
    ) -> None:
        """Put fresh LoRA matrices on the base model: B is zero, so it still answers as before.

        Args:
            base: the base model; nothing else may use it meanwhile, here and in `step`.
            options: what is trained.
            total_steps: optimizer steps that the learning rate is scheduled for.
            name: what the adapter is called on the base model.
        """
        self.base = base
        self.options = options
        self.total_steps = total_steps
        self.name = name
        with seeded(options.seed, device=base.network.device):
            slot = base.add_adapter(make_lora_config(base, options), name)
        self.gradients = AdapterGradients(base, slot, options)
        self.adapter = self.gradients.adapter
        self._optimiser = AdamW(self.adapter.values, options.weight_decay)
        #: The best epoch so far; None: none was measured.
        self.best: BestEpoch | None = None

    @property
    def prompt_format(self) -> str:
        """How samples are put into words: `chat`, `plain` or a template."""
        return self.options.prompt_format or self.base.prompt_format

    @property
    def steps_done(self) -> int:
        """Optimizer steps that are in the weights."""
        return self._optimiser.steps

    def step(self, pairs: Sequence[Pair], *, check: Callable[[], None] | None = None) -> LoraStep:
        """Make one optimizer step on these pairs.

        Args:
            pairs: what to learn.
            check: called about twice a second while the step is computed; if it raises, the step
                is abandoned and the weights stay as they were.

        Raises:
            DataError: a pair has more tokens than the base model reads.
            LossNotFinite: the loss is not a number; the weights stay as they were.
            OutOfMemory: the step does not fit into memory; the weights stay as they were.
        """
        return self.step_on([self.tokenise(pair) for pair in pairs], check=check)

    def tokenise(self, pair: Pair) -> TokenisedSample:
        """Return a pair as this base model reads it.

        Raises:
            DataError: it has more tokens than the base model reads.
        """
        return tokenise_sample(
            pair,
            self.base.tokenizer,
            max_length=self.base.max_length,
            prompt_format=self.prompt_format,
        )

    def step_on(
        self,
        samples: Sequence[TokenisedSample],
        *,
        check: Callable[[], None] | None = None,
        rate_share: float = 1.0,
    ) -> LoraStep:
        """Make one optimizer step on samples that are tokenised already; see `step`.

        Args:
            samples: what to learn.
            check: as in `step`.
            rate_share: factor on the schedule's learning rate.
        """
        started = time.monotonic()
        rate = self._learning_rate() * rate_share
        with translate_memory(samples):
            loss = self.gradients.compute(samples, self.steps_done, check=throttled(check))
        norm = float(torch.linalg.vector_norm(self.adapter.gradient))
        self._refuse_not_finite(loss.weighted, norm)
        limit = self.options.max_gradient_norm
        if 0 < limit < norm:
            self.adapter.gradient.mul_(limit / (norm + 1e-6))
        self._optimiser.step(self.adapter.gradient, rate)
        return LoraStep(
            step=self.steps_done,
            loss=loss.weighted,
            learning_rate=rate,
            tokens=sum(len(sample.token_ids) for sample in samples),
            trained_tokens=sum(sample.trained_tokens for sample in samples),
            gradient_norm=norm,
            seconds=time.monotonic() - started,
            sample_loss_sum=loss.sample_sum,
            sample_tokens=sum(s.trained_tokens for s in samples if not s.is_rehearsal),
        )

    def measure(self, pairs: Sequence[Pair], *, check: Callable[[], None]) -> tuple[float, int]:
        """Return the summed loss of pairs that are not trained, in nats, and their trained tokens.

        `check` is called at short intervals; what it raises ends the computation.
        """
        samples = [self.tokenise(pair) for pair in pairs]
        with translate_memory(samples):
            loss = self.gradients.measure(samples, check=check)
        return loss.sample_sum, sum(sample.trained_tokens for sample in samples)

    def keep_best(self, epoch: int, eval_loss: float) -> None:
        """Keep the weights of an epoch if its loss is lower than that of all before."""
        if self.best is None or eval_loss < self.best.eval_loss:
            state = self._state().items()
            matrices = {name: view.clone() for name, view in state if name.startswith("values/")}
            self.best = BestEpoch(epoch, eval_loss, self.steps_done, matrices)

    def restore_best(self) -> None:
        """Return to the weights of the best epoch, where one was measured; training has ended."""
        if self.best is not None:
            state = self._state()
            for name, matrix in self.best.matrices.items():
                state[name].copy_(matrix)
            self._optimiser.steps = self.best.steps

    def save(
        self,
        folder: Path | str,
        *,
        fingerprint: str | None = None,
        rehearsal_pairs: int = 0,
        announce: Callable[[], None] | None = None,
        measured: Mapping[str, object] | None = None,
    ) -> SavedAdapter:
        """Write the adapter in PEFT's format, with a manifest file.

        Args:
            folder: where to; replaced if it exists.
            fingerprint: of the samples that it was trained on.
            rehearsal_pairs: how many were rehearsed beside them.
            announce: called when only the folder's name is missing; if it raises, nothing appears.
            measured: the epoch of the weights and its loss, where that is known.

        Raises:
            BackendError: it cannot be written, for instance because the disk is full.
        """
        slot = self.base.slot(self.name)
        config, origin = self.base.peft.peft_config[slot], self.base.origin
        config.base_model_name_or_path, config.revision = origin.location, origin.revision
        return save_adapter(
            self.base.peft,
            slot,
            Path(folder),
            {
                "base_model": self.base.name,
                "base_model_revision": self.base.revision,
                "fingerprint": fingerprint,
                "rehearsal_pairs": rehearsal_pairs,
                **asdict(self.options),
                **(measured or {}),
                "steps": self.steps_done,
                "quantization": self.base.quantization.value,
                "precision": str(self.base.dtype).removeprefix("torch."),
                "prompt_format": self.prompt_format,
                "is_packed": self.gradients.is_packed,
                "threads": torch.get_num_threads(),
                "torch_version": torch.__version__,
            },
            announce,
        )

    def checkpoint(self, folder: Path | str, *, rehearsal: str = "") -> Path:
        """Write all that `resume` needs to end with the same weights, bit by bit; return the file.

        Args:
            folder: where to.
            rehearsal: hash of the pairs that are rehearsed beside the samples.

        Raises:
            BackendError: it cannot be written, for instance because the disk is full.
        """
        best = self.best
        tensors = {**self._state(), **(best.tensors() if best else {})}
        position = Checkpoint(
            self.steps_done,
            self.total_steps,
            asdict(self.options),
            asdict(self.gradients.memory),
            rehearsal,
            best.header() if best else None,
        )
        return write_checkpoint(Path(folder), position, tensors)

    @classmethod
    def resume(
        cls, base: LoadedModel, folder: Path | str, *, name: str = "training"
    ) -> LoraTrainer:
        """Return a trainer that resumes from a checkpoint.

        Raises:
            TrainingError: there is no checkpoint that can be read, or it is of another base model.
        """
        position, tensors = read_checkpoint(Path(folder))
        fields: dict[str, Any] = position.options
        options = LoraOptions(**{**fields, "schedule": Schedule(fields["schedule"])})
        trainer = cls(base, options, position.total_steps, name=name)
        try:
            trainer._restore(tensors, position.steps_done)
            # Other parts would add up to a gradient with other last bits.
            trainer.gradients.memory = MemoryUse(**position.memory)
            trainer.best = read_best(position.best, tensors)
        except (KeyError, RuntimeError) as exc:
            trainer.close()
            raise TrainingError(
                f"the checkpoint in {folder} is not of base model {base.name!r} ({exc}); "
                "delete it and train from the start"
            ) from exc
        return trainer

    def snapshot(self) -> Callable[[], None]:
        """Return a function that restores weights and optimizer to how they are now."""
        tensors = {name: view.clone() for name, view in self._state().items()}
        steps_done = self.steps_done
        return lambda: self._restore(tensors, steps_done)

    def close(self) -> None:
        """Remove the adapter from the base model."""
        self.base.unload_adapter(self.name)

    def _state(self) -> dict[str, Tensor]:
        """Return views of all vectors that training changes, named alike in every process."""
        vectors = {
            "values": self.adapter.values,
            "mean": self._optimiser.mean,
            "square": self._optimiser.square,
        }
        slot = self.base.slot(self.name)
        return {
            f"{kind}/{name.replace(f'.{slot}.', '.')}": view
            for kind, vector in vectors.items()
            for name, view in self.adapter.views_of(vector).items()
        }

    def _restore(self, tensors: Mapping[str, Tensor], steps_done: int) -> None:
        for name, view in self._state().items():
            view.copy_(tensors[name])
        self._optimiser.steps = steps_done

    def _learning_rate(self) -> float:
        return learning_rate_at(
            self.steps_done,
            total_steps=self.total_steps,
            peak=self.options.learning_rate,
            warmup_share=self.options.warmup_share,
            schedule=self.options.schedule,
        )

    def _refuse_not_finite(self, loss: float, norm: float) -> None:
        if math.isfinite(loss) and math.isfinite(norm):
            return
        raise LossNotFinite(
            f"the loss of step {self.steps_done + 1} is {loss} and its gradient's length {norm}; "
            f"lower learning_rate ({self.options.learning_rate:g}) or check for damaged samples"
        )
