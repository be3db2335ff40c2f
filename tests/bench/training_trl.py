"""One timed training by trl's SFTTrainer: waits for a line on stdin before each step.

Runs in the venv of requirements-trl.txt. `default` leaves every default that concerns speed;
`packing` packs to 1024 tokens and turns gradient checkpointing off, which makes trl faster.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig
from tokenizers import Tokenizer, models
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    TrainerCallback,
)
from trl import SFTConfig, SFTTrainer

from tests.bench.training_rows import (
    LORA,
    PACK_LENGTH,
    ROWS_PER_STEP,
    SEED,
    SHAPE,
    TimedModel,
)
from tests.bench.training_start import start_alike


class Turnstile(TrainerCallback):
    """Lets one step through per line on stdin, and reports its time."""

    def __init__(self, tokens_of: Any) -> None:
        self.tokens_of = tokens_of
        self.started = 0.0
        self.busy = 0.0
        self.seconds = 0.0
        self.cpu_seconds = 0.0

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        # The batch is collated before this call; not counting that time favours trl.
        sys.stdin.readline()
        self.started, self.busy = time.monotonic(), time.process_time()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.seconds = time.monotonic() - self.started
        self.cpu_seconds = time.process_time() - self.busy

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        if "loss" not in logs:
            return
        report = {
            "tokens": self.tokens_of(state.global_step - 1),
            "seconds": self.seconds,
            "cpu_seconds": self.cpu_seconds,
            "loss": float(logs["loss"]),
            "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
        sys.__stdout__.write(json.dumps(report) + "\n")
        sys.__stdout__.flush()


def load(model: TimedModel) -> Any:
    """Return the network in float32: trl uses autocast."""
    if model.folder is not None:
        return AutoModelForCausalLM.from_pretrained(model.folder, dtype=torch.float32)
    torch.manual_seed(SEED)
    return LlamaForCausalLM(LlamaConfig(**SHAPE))


def main(variant: str, steps: int, threads: int, model: TimedModel) -> None:
    torch.set_num_threads(threads)
    network = load(model)
    words = Tokenizer(models.WordLevel({"<end>": 0, "<unk>": 1}, unk_token="<unk>"))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, eos_token="<end>", pad_token="<end>", unk_token="<unk>"
    )
    rows = model.rows(steps * ROWS_PER_STEP)
    dataset = Dataset.from_dict(
        {
            "input_ids": [ids for ids, _ in rows],
            "completion_mask": [[0] * start + [1] * (len(ids) - start) for ids, start in rows],
        }
    )
    packing: dict[str, Any] = {}
    if variant == "packing":
        packing = {
            "packing": True,
            "max_length": PACK_LENGTH,
            "per_device_train_batch_size": 1,
            "gradient_checkpointing": False,
        }
    arguments = SFTConfig(
        output_dir=tempfile.mkdtemp(),
        use_cpu=True,
        completion_only_loss=True,
        learning_rate=model.learning_rate,
        max_steps=steps,
        train_sampling_strategy="sequential",
        seed=SEED,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        **packing,
    )
    turnstile = Turnstile(None)
    trainer = SFTTrainer(
        network,
        args=arguments,
        train_dataset=dataset,
        processing_class=tokenizer,
        peft_config=LoraConfig(task_type="CAUSAL_LM", **LORA),
        callbacks=[turnstile],
    )
    per_step = arguments.per_device_train_batch_size
    lengths = [len(ids) for ids in trainer.train_dataset["input_ids"]]
    turnstile.tokens_of = lambda step: sum(lengths[step * per_step : (step + 1) * per_step])
    start_alike({n: p.data for n, p in trainer.model.named_parameters() if p.requires_grad})
    trainer.train()


if __name__ == "__main__":
    sys.stdout = sys.stderr  # trl prints its logs; stdout carries reports only
    main(sys.argv[1], *map(int, sys.argv[2:4]), TimedModel.from_words(sys.argv[4:]))
