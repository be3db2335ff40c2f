"""One timed training by sqltune for `tests.bench.gpu`; the last line of stdout is its report."""

from __future__ import annotations

import time
from typing import Any

import torch

from sqltune.local_lora.devices import choose_device
from sqltune.local_lora.loaded_model import LoadedModel
from sqltune.local_lora.lora_options import LoraOptions
from sqltune.local_lora.quantization import Quantization, bitsandbytes_config, keep_trainable
from sqltune.local_lora.tokenising import TokenisedSample
from sqltune.local_lora.training import LoraTrainer
from tests.bench.gpu_shapes import (
    LEARNING_RATE,
    LORA,
    SEED,
    WARM_UP,
    Timing,
    make_network,
    report,
    synchronise,
)


def quantise(network: Any, timing: Timing) -> Any:
    """Return a network with the same weights, quantised as the variant says."""
    asked = Quantization(timing.variant)
    config = bitsandbytes_config(asked, timing.dtype)
    if config is None:
        return network
    quantised = type(network).from_pretrained(
        None,
        config=network.config,
        state_dict=network.state_dict(),
        dtype=timing.dtype,
        quantization_config=config,
        device_map={"": timing.device},
    )
    keep_trainable(quantised)
    return quantised


def main() -> None:
    timing = Timing.read()
    device = choose_device(timing.device)
    network = quantise(make_network(timing), timing).eval().requires_grad_(False)
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    base = LoadedModel(network, None, name="random", revision="seed 0", max_length=2048)
    options = LoraOptions(
        rank=LORA["r"], alpha=LORA["lora_alpha"], learning_rate=LEARNING_RATE, seed=SEED
    )
    steps = timing.steps + WARM_UP
    trainer = LoraTrainer(base, options, steps)
    rows = timing.draw_rows()
    # Batches by length, as a training of the local backend makes them.
    rows.sort(key=lambda row: len(row[0]))
    per_step = -(-len(rows) // steps)
    batches = [rows[i * per_step : (i + 1) * per_step] for i in range(steps)]
    batches = batches[1::2] + batches[0::2]
    seconds, losses = 0.0, []
    for step, batch in enumerate(batches):
        samples = [TokenisedSample(tuple(ids), start) for ids, start in batch]
        synchronise(timing.device)
        started = time.monotonic()
        losses.append(trainer.step_on(samples).loss)
        synchronise(timing.device)
        seconds += time.monotonic() - started if step >= WARM_UP else 0.0
    report(
        timing,
        [row for batch in batches[WARM_UP:] for row in batch],
        seconds=seconds,
        loss=losses[-1],
        memory=trainer.gradients.memory.describe(),
        notes=trainer.gradients.take_notes(),
        tokens_per_step=sum(len(ids) for ids, _ in rows) // steps,
    )


if __name__ == "__main__":
    main()
