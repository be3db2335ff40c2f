"""One timed training by trl's SFTTrainer with packing for `tests.bench.gpu`.

`checkpointing` is trl with its default, gradient checkpointing; `stored` has it switched off, which
is faster where memory allows it. The last line of stdout is the report.
"""

from __future__ import annotations

import sys
import tempfile
import time
from typing import Any

from datasets import Dataset
from peft import LoraConfig
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast, TrainerCallback
from trl import SFTConfig, SFTTrainer

from tests.bench.gpu_shapes import (
    LEARNING_RATE,
    LORA,
    PACK_LENGTH,
    SEED,
    SHAPES,
    WARM_UP,
    Timing,
    make_network,
    report,
    synchronise,
)

#: The label of tokens that do not count in the loss.
NOT_TRAINED = -100


class Stopwatch(TrainerCallback):
    """Times the steps after the first few; the batch is collated before, which favours trl."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.started = self.seconds = 0.0
        self.loss = float("nan")

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        synchronise(self.device)
        self.started = time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        synchronise(self.device)
        # At the end of a step its number is already counted.
        if state.global_step > WARM_UP:
            self.seconds += time.monotonic() - self.started

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        self.loss = float(logs.get("loss", self.loss))


def make_dataset(rows: list[tuple[list[int], int]]) -> Dataset:
    return Dataset.from_dict(
        {
            "input_ids": [ids for ids, _ in rows],
            "completion_mask": [[0] * start + [1] * (len(ids) - start) for ids, start in rows],
        }
    )


def arguments_of(timing: Timing) -> SFTConfig:
    return SFTConfig(
        output_dir=tempfile.mkdtemp(),
        use_cpu=timing.device == "cpu",
        bf16=timing.device == "cuda",
        packing=True,
        max_length=PACK_LENGTH,
        per_device_train_batch_size=SHAPES[timing.shape].packs_per_step,
        gradient_checkpointing=timing.variant == "checkpointing",
        completion_only_loss=True,
        learning_rate=LEARNING_RATE,
        max_steps=timing.steps + WARM_UP,
        train_sampling_strategy="sequential",
        dataloader_drop_last=False,
        seed=SEED,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )


def main() -> None:
    timing = Timing.read()
    words = Tokenizer(models.WordLevel({"<end>": 0, "<unk>": 1}, unk_token="<unk>"))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, eos_token="<end>", pad_token="<end>", unk_token="<unk>"
    )
    rows = timing.draw_rows()
    stopwatch = Stopwatch(timing.device)
    trainer = SFTTrainer(
        make_network(timing),
        args=arguments_of(timing),
        train_dataset=make_dataset(rows),
        processing_class=tokenizer,
        peft_config=LoraConfig(task_type="CAUSAL_LM", **LORA),
        callbacks=[stopwatch],
    )
    per_step = trainer.args.per_device_train_batch_size
    packs = trainer.train_dataset
    timed = packs.select(
        range(WARM_UP * per_step, min(len(packs), (WARM_UP + timing.steps) * per_step))
    )
    labels = list(timed["labels"])
    trainer.train()
    timed_rows = [(pack, sum(label == NOT_TRAINED for label in pack)) for pack in labels]
    report(
        timing,
        timed_rows,
        seconds=stopwatch.seconds,
        loss=stopwatch.loss,
        memory="activations computed twice" if timing.variant == "checkpointing" else "all stored",
        notes=[],
        tokens_per_step=sum(len(pack) for pack in labels) // timing.steps,
    )


if __name__ == "__main__":
    sys.stdout = sys.stderr  # trl prints its logs; stdout carries the report only
    main()
