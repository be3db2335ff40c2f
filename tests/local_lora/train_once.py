"""A training that is always the same: `python -m … model out` prints the weights' hash."""

from __future__ import annotations

import sys
from pathlib import Path

from sqltune.local_lora.loading import load_base_model
from sqltune.local_lora.lora_options import LoraOptions
from sqltune.local_lora.steps import Pair
from sqltune.local_lora.training import LoraTrainer


def train_once(model: Path, out: Path) -> str:
    """Train three steps and write the adapter; return the SHA-256 of its weights."""
    base = load_base_model(str(model), allowed_folders=[model.parent], threads=1)
    trainer = LoraTrainer(base, LoraOptions(rank=4, learning_rate=1e-2, seed=9), 3)
    for _ in range(3):
        trainer.step([Pair("Who is Pavan?", "A writer."), Pair("Name a colour.", "Blue.")])
    return trainer.save(out).weights_sha256


if __name__ == "__main__":
    sys.stdout.write(train_once(Path(sys.argv[1]), Path(sys.argv[2]) / "there") + "\n")
