"""The loss of samples for validation, against transformers; and the best epoch of an adapter."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from sqltune.errors import RunInterrupted
from sqltune.local_lora import throttling
from sqltune.local_lora.loaded_model import LoadedModel
from sqltune.local_lora.lora_options import LoraOptions
from sqltune.local_lora.steps import Pair
from sqltune.local_lora.throttling import throttled
from sqltune.local_lora.training import LoraTrainer

OPTIONS = LoraOptions(rank=4, learning_rate=2e-2, seed=3)
#: Of different lengths and weights, so that a mean over samples would differ from one over tokens.
UNSEEN = [
    Pair("Who is Ada?", "Ada wrote the first program, long before there was a machine for it."),
    Pair("Name a flower.", "A tulip.", weight=0.25),
    Pair("Where?", "By the sea.", system_prompt="Be short."),
]


def check_nothing() -> None:
    """Check nothing."""


def measure_by_transformers(
    model_folder: Path, adapter: Path, trainer: LoraTrainer, pairs: list[Pair]
) -> float:
    """Return the mean loss per trained token as transformers and peft compute it, one by one."""
    network = AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.float32)
    with warnings.catch_warnings():
        # peft 0.21 asks transformers 5.23 for an attribute by its old name.
        warnings.filterwarnings("ignore", ".*is_gradient_checkpointing", FutureWarning)
        model = PeftModel.from_pretrained(network, str(adapter)).eval()
    total, tokens = 0.0, 0
    for pair in pairs:
        sample = trainer.tokenise(pair)
        ids = torch.tensor([sample.token_ids])
        labels = torch.full_like(ids, -100)
        trained = list(sample.trained_positions)
        labels[0, trained] = ids[0, trained]
        with torch.no_grad():
            total += float(model(input_ids=ids, labels=labels).loss) * len(trained)
        tokens += len(trained)
    return total / tokens


@pytest.mark.parametrize("is_packed", [True, False], ids=["packed", "padded"])
def test_the_loss_is_that_of_transformers_on_the_same_tokens(
    llama: LoadedModel, llama_folder: Path, pairs: list[Pair], tmp_path: Path, *, is_packed: bool
) -> None:
    options = replace(OPTIONS, tokens_at_once=2048 if is_packed else 64)
    trainer = LoraTrainer(llama, options, 4)
    if not is_packed:
        trainer.gradients.pad()
    for _ in range(4):
        trainer.step(pairs)
    loss_sum, tokens = trainer.measure(UNSEEN, check=check_nothing)
    trainer.save(tmp_path / "adapter")
    expected = measure_by_transformers(llama_folder, tmp_path / "adapter", trainer, UNSEEN)
    assert loss_sum / tokens == pytest.approx(expected, rel=1e-5)
    trainer.close()


def test_measuring_changes_nothing(llama: LoadedModel, pairs: list[Pair], tmp_path: Path) -> None:
    hashes = []
    for name in ("plain", "measured"):
        trainer = LoraTrainer(llama, OPTIONS, 3, name=name)
        for _ in range(3):
            trainer.step(pairs)
            if name == "measured":
                first = trainer.measure(UNSEEN, check=check_nothing)
                assert trainer.measure(UNSEEN, check=check_nothing) == first
        hashes.append(trainer.save(tmp_path / name).weights_sha256)
        trainer.close()
    assert hashes[0] == hashes[1]


def test_the_best_epoch_survives_a_checkpoint_and_is_restored(
    llama: LoadedModel, pairs: list[Pair], tmp_path: Path
) -> None:
    trainer = LoraTrainer(llama, OPTIONS, 3)
    trainer.step(pairs)
    best = trainer.save(tmp_path / "best").weights_sha256
    trainer.keep_best(1, 2.0)
    trainer.step(pairs)
    trainer.keep_best(2, 2.0)  # no better: the first of equals counts
    trainer.checkpoint(tmp_path / "checkpoint")
    trainer.close()
    resumed = LoraTrainer.resume(llama, tmp_path / "checkpoint")
    assert resumed.steps_done == 2
    resumed.step(pairs)
    resumed.keep_best(3, 2.5)
    resumed.restore_best()
    assert resumed.best is not None
    assert (resumed.best.epoch, resumed.best.eval_loss, resumed.steps_done) == (1, 2.0, 1)
    assert resumed.save(tmp_path / "again").weights_sha256 == best
    resumed.close()


def test_measuring_can_be_abandoned(llama: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttling, "CHECK_SECONDS", 0)

    def interrupt() -> None:
        raise RunInterrupted("stop")

    check: Callable[[], None] = throttled(interrupt)
    trainer = LoraTrainer(llama, OPTIONS, 1)
    with pytest.raises(RunInterrupted):
        trainer.measure(UNSEEN, check=check)
    trainer.close()
