"""One timed training by sqltune: waits for a line on stdin before each step, reports after it.

`python -m tests.bench.training_ours STEPS THREADS [FOLDER ROWS]`
"""

from __future__ import annotations

import json
import resource
import sys
import time

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from sqltune.local_lora.loaded_model import LoadedModel
from sqltune.local_lora.loading import load_base_model
from sqltune.local_lora.lora_options import LoraOptions
from sqltune.local_lora.precision import Precision, choose_dtype
from sqltune.local_lora.tokenising import TokenisedSample
from sqltune.local_lora.training import LoraTrainer
from tests.bench.training_rows import LORA, ROWS_PER_STEP, SEED, SHAPE, TimedModel
from tests.bench.training_start import start_alike


def load(model: TimedModel, threads: int) -> LoadedModel:
    """Return the random weights, or the pretrained ones of a folder."""
    if model.folder is not None:
        allowed = [model.folder.parent]
        return load_base_model(str(model.folder), allowed_folders=allowed, threads=threads)
    torch.set_num_threads(threads)
    torch.manual_seed(SEED)
    config = LlamaConfig(**SHAPE)
    network = LlamaForCausalLM(config)
    dtype = choose_dtype(Precision.AUTO, network.num_parameters(), torch.device("cpu"))
    network = network.to(dtype).eval().requires_grad_(False)
    return LoadedModel(network, None, name="random", revision="seed 0", max_length=2048)


def main(steps: int, threads: int, model: TimedModel) -> None:
    base = load(model, threads)
    options = LoraOptions(
        rank=LORA["r"],
        alpha=LORA["lora_alpha"],
        learning_rate=model.learning_rate,
        warmup_share=0.0,
        seed=SEED,
    )
    trainer = LoraTrainer(base, options, steps)
    start_alike(trainer.adapter.views_of(trainer.adapter.values))
    rows = model.rows(steps * ROWS_PER_STEP)
    samples = [TokenisedSample(tuple(ids), start) for ids, start in rows]
    for step in range(steps):
        sys.stdin.readline()
        busy = time.process_time()
        metrics = trainer.step_on(samples[step * ROWS_PER_STEP : (step + 1) * ROWS_PER_STEP])
        report = {
            "tokens": metrics.tokens,
            "seconds": metrics.seconds,
            "cpu_seconds": time.process_time() - busy,
            "loss": metrics.loss,
            "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
        sys.stdout.write(json.dumps(report) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), TimedModel.from_words(sys.argv[3:]))
