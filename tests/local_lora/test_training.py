"""Training repeats, resumes bit by bit, and says clearly what went wrong."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from sqltune.errors import DataError, LossNotFinite, OutOfMemory, RunInterrupted, TrainingError
from sqltune.local_lora import throttling
from sqltune.local_lora.checkpoints import CHECKPOINT_FILE
from sqltune.local_lora.gradients.packed_llama import PackedLlama
from sqltune.local_lora.loaded_model import LoadedModel
from sqltune.local_lora.loading import load_base_model
from sqltune.local_lora.lora_options import LoraOptions
from sqltune.local_lora.steps import Pair
from sqltune.local_lora.training import LoraTrainer
from tests.local_lora.tiny_models import llama_config, load_tiny_model
from tests.local_lora.train_once import train_once

OPTIONS = LoraOptions(rank=4, alpha=8, learning_rate=1e-2, seed=5)
DROPPING = LoraOptions(rank=4, alpha=8, learning_rate=1e-2, dropout=0.2, seed=5)


def train(trainer: LoraTrainer, pairs: list[Pair], until: int) -> torch.Tensor:
    while trainer.steps_done < until:
        trainer.step(pairs[trainer.steps_done % 2 :])
    return trainer.adapter.values.clone()


def test_training_lowers_the_loss(llama: LoadedModel, pairs: list[Pair]) -> None:
    trainer = LoraTrainer(llama, LoraOptions(rank=16, learning_rate=2e-2), 80)
    metrics = [trainer.step(pairs[:1]) for _ in range(80)]
    assert metrics[-1].loss < 0.6 * metrics[0].loss
    assert [m.step for m in metrics] == list(range(1, 81))


def test_metrics_count_real_tokens(llama: LoadedModel, pairs: list[Pair]) -> None:
    trainer = LoraTrainer(llama, OPTIONS, 10)
    samples = [trainer.tokenise(pair) for pair in pairs]
    metrics = trainer.step(pairs)
    assert metrics.tokens == sum(len(sample.token_ids) for sample in samples)
    assert metrics.trained_tokens == sum(sample.trained_tokens for sample in samples)
    assert metrics.gradient_norm > 0


@pytest.mark.parametrize("options", [OPTIONS, DROPPING], ids=["packed", "padded"])
def test_the_loss_of_the_samples_is_unweighted_and_without_rehearsal(
    llama: LoadedModel, options: LoraOptions
) -> None:
    options = replace(options, dropout=min(options.dropout, 1e-9))
    trainer = LoraTrainer(llama, options, 10)
    sample = Pair("Who?", "A writer.", weight=7.0)
    other = Pair("Where?", "At sea, in a boat.", weight=0.1, is_rehearsal=True)
    alone = trainer.step([replace(sample, weight=1.0)])
    trainer.close()
    trainer = LoraTrainer(llama, options, 10)
    together = trainer.step([sample, other])
    assert together.sample_tokens == alone.trained_tokens == alone.sample_tokens
    assert together.sample_loss_sum == pytest.approx(alone.loss * alone.trained_tokens, rel=1e-4)
    assert together.sample_loss == pytest.approx(alone.loss, rel=1e-4)
    assert trainer.step([other]).sample_loss is None


@pytest.mark.parametrize("options", [OPTIONS, DROPPING], ids=["packed", "padded"])
def test_samples_of_weight_zero_have_a_loss_too(llama: LoadedModel, options: LoraOptions) -> None:
    options = replace(options, dropout=min(options.dropout, 1e-9))
    weighted = LoraTrainer(llama, options, 10, name="weighted").step([Pair("Who?", "A writer.")])
    trainer = LoraTrainer(llama, options, 10, name="unweighted")
    step = trainer.step([Pair("Who?", "A writer.", weight=0.0)])
    assert step.loss == 0
    assert step.sample_loss == pytest.approx(weighted.loss, rel=1e-4)


def test_a_snapshot_restores_every_bit(llama: LoadedModel, pairs: list[Pair]) -> None:
    trainer = LoraTrainer(llama, OPTIONS, 20)
    train(trainer, pairs, 3)
    undo = trainer.snapshot()
    first = train(trainer, pairs, 6)
    undo()
    assert trainer.steps_done == 3
    assert torch.equal(train(trainer, pairs, 6), first)


@pytest.mark.parametrize("options", [OPTIONS, DROPPING], ids=["packed", "dropout"])
def test_equal_seed_and_samples_give_equal_weights(
    llama_folder: Path, pairs: list[Pair], options: LoraOptions
) -> None:
    weights = []
    for _ in range(2):
        base = load_base_model(str(llama_folder), allowed_folders=[llama_folder.parent])
        weights.append(train(LoraTrainer(base, options, 6), pairs, 6))
    assert torch.equal(*weights)


def test_a_second_training_in_a_process_gives_the_same_weights(
    llama: LoadedModel, pairs: list[Pair]
) -> None:
    weights = []
    for _ in range(2):
        trainer = LoraTrainer(llama, OPTIONS, 4)
        weights.append(train(trainer, pairs, 4))
        trainer.close()
    assert torch.equal(*weights)
    assert llama.adapters == ()


def test_another_process_gives_the_same_file(llama_folder: Path, tmp_path: Path) -> None:
    there = subprocess.run(
        [sys.executable, "-m", "tests.local_lora.train_once", str(llama_folder), str(tmp_path)],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    ).stdout.strip()
    assert there == train_once(llama_folder, tmp_path / "here")


def test_another_seed_gives_other_weights(llama: LoadedModel, pairs: list[Pair]) -> None:
    one = train(LoraTrainer(llama, LoraOptions(seed=1), 3, name="one"), pairs, 3)
    two = train(LoraTrainer(llama, LoraOptions(seed=2), 3, name="two"), pairs, 3)
    assert not torch.equal(one, two)


def test_training_leaves_the_random_numbers_of_others_alone(
    llama: LoadedModel, pairs: list[Pair]
) -> None:
    before = torch.random.get_rng_state()
    LoraTrainer(llama, DROPPING, 3).step(pairs)
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("options", [OPTIONS, DROPPING], ids=["packed", "dropout"])
def test_a_resumed_training_ends_with_the_same_bits(
    llama_folder: Path, pairs: list[Pair], tmp_path: Path, options: LoraOptions
) -> None:
    def base() -> LoadedModel:
        return load_base_model(str(llama_folder), allowed_folders=[llama_folder.parent])

    whole = train(LoraTrainer(base(), options, 8), pairs, 8)
    interrupted = LoraTrainer(base(), options, 8)
    train(interrupted, pairs, 3)
    interrupted.checkpoint(tmp_path / "run")
    train(interrupted, pairs, 5)  # steps after the checkpoint are lost with the process
    resumed = LoraTrainer.resume(base(), tmp_path / "run")
    assert resumed.steps_done == 3
    assert torch.equal(train(resumed, pairs, 8), whole)


def test_a_checkpoint_replaces_the_one_before(
    llama: LoadedModel, pairs: list[Pair], tmp_path: Path
) -> None:
    trainer = LoraTrainer(llama, OPTIONS, 4)
    for _ in range(2):
        trainer.step(pairs)
        trainer.checkpoint(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [CHECKPOINT_FILE]
    assert LoraTrainer.resume(llama, tmp_path, name="again").steps_done == 2


def test_a_damaged_checkpoint_is_a_clear_error(llama: LoadedModel, tmp_path: Path) -> None:
    (tmp_path / CHECKPOINT_FILE).write_bytes(b"\x00" * 100)
    with pytest.raises(TrainingError, match="train from the start"):
        LoraTrainer.resume(llama, tmp_path)


def test_a_checkpoint_of_another_base_model_is_refused(
    llama: LoadedModel, tmp_path: Path, tokenizer: object
) -> None:
    other = load_tiny_model(llama_config(320, num_hidden_layers=5), tokenizer, tmp_path / "other")
    LoraTrainer(llama, OPTIONS, 4).checkpoint(tmp_path / "run")
    with pytest.raises(TrainingError, match="not of base model"):
        LoraTrainer.resume(other, tmp_path / "run")


def test_a_loss_that_is_not_finite_stops_before_the_weights_change(
    llama: LoadedModel, pairs: list[Pair]
) -> None:
    trainer = LoraTrainer(llama, OPTIONS, 4)
    trainer.step(pairs)
    before = trainer.adapter.values.clone()
    llama.network.model.norm.weight[0] = torch.inf
    with pytest.raises(LossNotFinite, match=r"step 2 .* lower learning_rate"):
        trainer.step(pairs)
    assert torch.equal(trainer.adapter.values, before)
    assert trainer.steps_done == 1


def test_a_too_long_sample_is_named_with_its_length(llama: LoadedModel) -> None:
    trainer = LoraTrainer(llama, OPTIONS, 4)
    with pytest.raises(
        DataError, match=r"has \d{3,} tokens and this base model reads 256"
    ) as error:
        trainer.step([Pair("Tell me all.", "word " * 300)])
    assert error.value.code == "sample_too_long"
    assert error.value.column == "response"


def test_no_memory_is_a_clear_error(
    llama: LoadedModel, pairs: list[Pair], monkeypatch: pytest.MonkeyPatch
) -> None:
    def allocate(*_: object) -> float:
        return float(torch.empty(2**50)[0])

    trainer = LoraTrainer(llama, OPTIONS, 4)
    monkeypatch.setattr(PackedLlama, "loss_and_gradients", allocate)
    with pytest.raises(OutOfMemory, match="lower tokens_at_once"):
        trainer.step(pairs)


@pytest.mark.parametrize("options", [OPTIONS, DROPPING], ids=["packed", "dropout"])
def test_a_step_can_be_abandoned_while_it_is_computed(
    llama: LoadedModel, pairs: list[Pair], options: LoraOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttling, "CHECK_SECONDS", 0)
    whole, broken = (LoraTrainer(llama, options, 4, name=name) for name in ("whole", "broken"))

    def interrupt() -> None:
        raise RunInterrupted("stop")

    broken.step(pairs)
    with pytest.raises(RunInterrupted):
        broken.step(pairs, check=interrupt)
    assert broken.steps_done == 1
    assert torch.equal(train(broken, pairs, 4), train(whole, [*pairs], 4))


def test_samples_of_weight_zero_change_nothing(llama: LoadedModel) -> None:
    trainer = LoraTrainer(llama, OPTIONS, 4)
    before = trainer.adapter.values.clone()
    metrics = trainer.step([Pair("a", "b", weight=0.0)])
    assert metrics.loss == 0
    assert torch.equal(trainer.adapter.values, before)


def test_the_base_answers_as_before_while_an_adapter_is_trained(
    llama: LoadedModel, pairs: list[Pair]
) -> None:
    ids = torch.tensor([[5, 6, 7]])
    before = llama.network(ids).logits
    trainer = LoraTrainer(llama, OPTIONS, 4)
    for _ in range(4):
        trainer.step(pairs)
    with llama.active(None), torch.no_grad():
        assert torch.equal(llama.network(ids).logits, before)
    with llama.active("training"), torch.no_grad():
        assert not torch.equal(llama.network(ids).logits, before)
    trainer.close()
    assert torch.equal(llama.network(ids).logits, before)
