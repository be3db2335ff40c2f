"""The support job by trl's SFTTrainer with its defaults, in the venv of requirements-trl.txt.

    python -m tests.bench.support_trl FOLDER MODEL EPOCHS THREADS [NAME=VALUE ...]

Trains on the folder's `rows.jsonl` in trl's conversational form of prompt and completion, writes
the adapter to `trl/` in it, and reports as JSON on stdout what the training took. `NAME=VALUE`
replaces a default of SFTConfig or, with `lora.`, of LoraConfig.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import TrainerCallback
from trl import SFTConfig, SFTTrainer

from tests.bench.support.exported import load_jsonl, select_train
from tests.bench.support.report import TrainingReport


class Progress(TrainerCallback):
    """Reports every fifth step, so that a long training shows that it lives."""

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step % 5 == 0:
            print(f"trl: step {state.global_step} of {state.max_steps}", file=sys.stderr)


def main(folder: Path, model: str, epochs: int, threads: int, changed: dict[str, Any]) -> None:
    torch.set_num_threads(threads)
    rows = select_train(load_jsonl(folder / "rows.jsonl"))
    dataset = Dataset.from_list(
        [
            {
                "prompt": [{"role": "user", "content": row.prompt}],
                "completion": [{"role": "assistant", "content": row.response}],
            }
            for row in rows
        ]
    )
    lora = {name[5:]: value for name, value in changed.items() if name.startswith("lora.")}
    config = {name: value for name, value in changed.items() if not name.startswith("lora.")}
    arguments = SFTConfig(
        output_dir=str(folder / "trl-output"),
        num_train_epochs=epochs,
        use_cpu=True,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        **config,
    )
    trainer = SFTTrainer(
        model,
        args=arguments,
        train_dataset=dataset,
        peft_config=LoraConfig(task_type="CAUSAL_LM", target_modules="all-linear", **lora),
        callbacks=[Progress()],
    )
    started, busy = time.monotonic(), time.process_time()
    trainer.train()
    seconds, cpu_seconds = time.monotonic() - started, time.process_time() - busy
    trainer.save_model(str(folder / "trl"))
    chosen = trainer.model.peft_config["default"]
    report = TrainingReport(
        settings=(
            f"lr {arguments.learning_rate:g}, batch {arguments.per_device_train_batch_size}, "
            f"rank {chosen.r}, alpha {chosen.lora_alpha}"
        ),
        seconds=seconds,
        cpu_seconds=cpu_seconds,
        tokens=epochs * sum(map(len, trainer.train_dataset["input_ids"])),
        steps=trainer.state.global_step,
    )
    sys.__stdout__.write(json.dumps(asdict(report)) + "\n")


def read_changed(words: list[str]) -> dict[str, Any]:
    """Read `name=value`, the value as JSON."""
    return {name: json.loads(value) for name, value in (word.split("=", 1) for word in words)}


if __name__ == "__main__":
    sys.stdout = sys.stderr  # trl prints its logs; stdout carries the report only
    main(Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:5]), read_changed(sys.argv[5:]))
