"""Make the small base model of the tests: `python -m tests.pretraining.pretrain`.

From an empty model to `small_model/`, with a checkpoint every ten minutes in `.pretraining/`, from
which a second start resumes. About eighty minutes on one core.
"""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from tests.pretraining.export import export_model, write_provenance
from tests.pretraining.packing import Batch, stream_batches
from tests.pretraining.recipe import Recipe
from tests.pretraining.tokenizer import mark_ids, train_tokenizer
from tests.pretraining.trainer import Trainer, build_model
from tests.small_model import SMALL_MODEL

CHECKPOINT_SECONDS = 600.0
LOG_STEPS = 25

logger = logging.getLogger(__name__)


def main() -> None:
    """Read the command line, pretrain, export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path(".pretraining"))
    parser.add_argument("--out", type=Path, default=SMALL_MODEL)
    parser.add_argument("--steps", type=int, default=Recipe.steps)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--no-compile", action="store_true")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(options.threads)
    recipe = replace(Recipe(), steps=options.steps)
    tokenizer, progress = pretrain(recipe, options.work, compiles=not options.no_compile)
    publish(recipe, options.work, options.out, tokenizer, progress)


def publish(
    recipe: Recipe, work: Path, folder: Path, tokenizer: Tokenizer, progress: dict[str, Any]
) -> None:
    """Write the model of the last checkpoint with all the files that belong to it."""
    pad_id, end_id = mark_ids(tokenizer)
    model = build_model(recipe, pad_id=pad_id, end_id=end_id)
    saved = torch.load(work / "checkpoint.pt", weights_only=True)
    model.load_state_dict(saved["trainer"]["masters"], strict=False)
    export_model(model, tokenizer, folder)
    write_provenance(folder, recipe, progress)


def pretrain(recipe: Recipe, work: Path, *, compiles: bool) -> tuple[Tokenizer, dict[str, Any]]:
    """Train from the last checkpoint in `work`, or from nothing, to the recipe's last step.

    Returns:
        The tokenizer, and how far the training is: step, tokens, seconds.
    """
    work.mkdir(parents=True, exist_ok=True)
    tokenizer = _open_tokenizer(recipe, work)
    pad_id, end_id = mark_ids(tokenizer)
    trainer = Trainer(build_model(recipe, pad_id=pad_id, end_id=end_id), recipe, compiles=compiles)
    progress = _load_checkpoint(trainer, work)
    saved_at = began = time.monotonic()
    seconds_before = progress["seconds"]
    for step, batch in _batches_from(progress["step"], tokenizer, recipe, pad_id):
        loss = trainer.step(batch, step)
        progress["tokens"] += int((batch.documents > 0).sum())
        progress["step"] = step + 1
        progress["seconds"] = seconds_before + time.monotonic() - began
        if step % LOG_STEPS == 0:
            logger.info("step %d loss %.4f %s", step, loss, _speed(progress))
        at_border = (step + 1) % recipe.chunk_steps == 0
        if at_border and time.monotonic() - saved_at > CHECKPOINT_SECONDS:
            save_checkpoint(trainer, work, progress)
            saved_at = time.monotonic()
    save_checkpoint(trainer, work, progress)
    return tokenizer, progress


def save_checkpoint(trainer: Trainer, work: Path, progress: dict[str, Any]) -> None:
    """Write the state under a temporary name, then rename it."""
    temporary = work / "checkpoint.tmp"
    torch.save({"trainer": trainer.state(), "progress": progress}, temporary)
    temporary.replace(work / "checkpoint.pt")
    logger.info("checkpoint at step %d", progress["step"])


def _open_tokenizer(recipe: Recipe, work: Path) -> Tokenizer:
    path = work / "tokenizer.json"
    if not path.exists():
        train_tokenizer(recipe.seed).save(str(path))
    return Tokenizer.from_file(str(path))


def _load_checkpoint(trainer: Trainer, work: Path) -> dict[str, Any]:
    path = work / "checkpoint.pt"
    if not path.exists():
        return {"step": 0, "tokens": 0, "seconds": 0.0}
    saved = torch.load(path, weights_only=True)
    trainer.load_state(saved["trainer"])
    progress: dict[str, Any] = saved["progress"]
    logger.info("resumed at step %d", progress["step"])
    return progress


def _batches_from(
    first: int, tokenizer: Tokenizer, recipe: Recipe, pad_id: int
) -> Iterator[tuple[int, Batch]]:
    """Yield each step's number and batch, starting with `first`; a chunk of steps has one seed."""
    for chunk in range(first // recipe.chunk_steps, -(-recipe.steps // recipe.chunk_steps)):
        start = chunk * recipe.chunk_steps
        seed = f"{recipe.seed}:{chunk}"
        batches = stream_batches(
            tokenizer, seed=seed, rows=recipe.rows, length=recipe.length, pad_id=pad_id
        )
        for step in range(start, min(start + recipe.chunk_steps, recipe.steps)):
            yield step, next(batches)


def _speed(progress: dict[str, Any]) -> str:
    rate = progress["tokens"] / max(progress["seconds"], 1e-9)
    return f"{progress['tokens'] / 1e6:.2f}M tokens, {rate:.0f} tokens/s"


if __name__ == "__main__":
    main()
