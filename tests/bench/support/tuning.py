"""One training with settings of the caller's choice, as the local backend trains, without rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from sqltune.local_lora.loaded_model import LoadedModel
from sqltune.local_lora.lora_options import LoraOptions
from sqltune.local_lora.steps import Pair, StepOrder
from sqltune.local_lora.training import LoraTrainer
from tests.bench.support.exported import SupportRow


@dataclass(frozen=True)
class Setting:
    """What is tried; None: what the base model's profile chooses."""

    learning_rate: float | None = None
    batch_size: int | None = None
    epochs: int = 3
    rank: int | None = None
    seed: int = 0

    @classmethod
    def parse(cls, words: str) -> Setting:
        """Read `learning_rate:batch_size:epochs[:rank[:seed]]`; `auto` is the profile's choice."""
        rate, batch, epochs, rank, seed = (*words.split(":"), "auto", "auto")[:5]
        return cls(
            learning_rate=None if rate == "auto" else float(rate),
            batch_size=None if batch == "auto" else int(batch),
            epochs=int(epochs),
            rank=None if rank == "auto" else int(rank),
            seed=0 if seed == "auto" else int(seed),
        )


@dataclass(frozen=True)
class TimedTraining:
    """What a training took."""

    description: str
    steps: int
    tokens: int
    seconds: float
    last_loss: float


def tune(
    base: LoadedModel,
    rows: Sequence[SupportRow],
    setting: Setting,
    name: str,
    report: Callable[[int, int, float], None] = lambda step, steps, loss: None,
) -> TimedTraining:
    """Train the adapter `name` on the rows; it stays on the base model."""
    tuning = base.profile.tune_for(len(rows), setting.epochs)
    pairs = [Pair(row.prompt, row.response) for row in rows]
    batch_size = setting.batch_size or tuning.batch_size
    rank = setting.rank or tuning.rank
    options = LoraOptions(
        rank=rank,
        alpha=base.profile.alpha_for(rank),
        learning_rate=setting.learning_rate or tuning.learning_rate,
        warmup_share=tuning.warmup_share,
        seed=setting.seed,
    )
    order = StepOrder(
        sample_count=len(pairs),
        rehearsal_count=0,
        epochs=setting.epochs,
        batch_size=batch_size,
        rehearsal_per_step=0,
        rehearsal_only_steps=0,
        seed=setting.seed,
        lengths=tuple(len(p.prompt) + len(p.response) for p in pairs) if batch_size > 1 else None,
    )
    trainer = LoraTrainer(base, options, len(order), name=name)
    started, tokens, losses = time.monotonic(), 0, [0.0]
    for step in order:
        metrics = trainer.step([pairs[index] for index in step.samples])
        tokens += metrics.tokens
        losses.append(metrics.loss)
        report(metrics.step, len(order), metrics.loss)
    if base.network.device.type == "cuda":
        torch.cuda.synchronize()
    last = losses[-20:]
    return TimedTraining(
        description=(
            f"lr {options.learning_rate:g}, batch {batch_size}, {setting.epochs} epochs, "
            f"rank {rank}, seed {setting.seed}"
        ),
        steps=len(order),
        tokens=tokens,
        seconds=time.monotonic() - started,
        last_loss=sum(last) / len(last),
    )
