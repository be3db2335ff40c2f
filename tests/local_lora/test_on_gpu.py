"""Training on a GPU is the training of a processor, faster: `pytest -m gpu`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from sqltune.errors import OutOfMemory
from sqltune.local_lora.asked_questions import Question
from sqltune.local_lora.devices import choose_device
from sqltune.local_lora.loaded_model import LoadedModel
from sqltune.local_lora.loading import load_base_model
from sqltune.local_lora.lora_options import LoraOptions
from sqltune.local_lora.optimiser import Schedule
from sqltune.local_lora.precision import Precision
from sqltune.local_lora.sampling import Sampling
from sqltune.local_lora.steps import Pair
from sqltune.local_lora.tokenising import TokenisedSample
from sqltune.local_lora.training import LoraTrainer
from tests.local_lora.test_quantization import learn

pytestmark = pytest.mark.gpu
OPTIONS = LoraOptions(rank=4, alpha=8, learning_rate=1e-2, seed=5)
DROPPING = LoraOptions(rank=4, alpha=8, learning_rate=1e-2, dropout=0.2, seed=5)


def load(folder: Path, device: str = "cuda", precision: str = Precision.AUTO) -> LoadedModel:
    return load_base_model(
        str(folder), allowed_folders=[folder.parent], device=device, precision=precision
    )


def train(trainer: LoraTrainer, pairs: list[Pair], until: int) -> torch.Tensor:
    while trainer.steps_done < until:
        trainer.step(pairs[trainer.steps_done % 2 :])
    return trainer.adapter.values.clone()


def test_the_gpu_computes_the_losses_of_the_processor(
    llama_folder: Path, pairs: list[Pair]
) -> None:
    losses = {}
    for device in ("cpu", "cuda"):
        trainer = LoraTrainer(load(llama_folder, device, Precision.FLOAT32), OPTIONS, 20)
        losses[device] = [trainer.step(pairs).loss for _ in range(20)]
        assert trainer.gradients.is_packed == (device == "cpu")
    assert losses["cuda"] == pytest.approx(losses["cpu"], rel=1e-3)
    assert losses["cuda"][-1] < 0.7 * losses["cuda"][0]


def test_bfloat16_learns_on_the_gpu_what_float32_learns(
    llama_folder: Path, pairs: list[Pair]
) -> None:
    losses = {}
    for precision in ("float32", "bfloat16"):
        trainer = LoraTrainer(load(llama_folder, precision=precision), OPTIONS, 30)
        losses[precision] = [trainer.step(pairs).loss for _ in range(30)]
        assert trainer.adapter.values.dtype == torch.float32
    assert losses["bfloat16"][0] == pytest.approx(losses["float32"][0], rel=2e-2)
    assert losses["bfloat16"][-1] == pytest.approx(losses["float32"][-1], rel=0.25)


@pytest.mark.parametrize("options", [OPTIONS, DROPPING], ids=["plain", "dropout"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_training_repeats_and_resumes_with_the_same_bits(
    llama_folder: Path, pairs: list[Pair], tmp_path: Path, precision: str, options: LoraOptions
) -> None:
    def base() -> LoadedModel:
        return load(llama_folder, precision=precision)

    whole = train(LoraTrainer(base(), options, 8), pairs, 8)
    broken = LoraTrainer(base(), options, 8)
    train(broken, pairs, 3)
    broken.checkpoint(tmp_path / "run")
    resumed = LoraTrainer.resume(base(), tmp_path / "run")
    assert torch.equal(train(resumed, pairs, 8), whole)


def test_an_adapter_of_the_gpu_answers_on_the_processor(
    wide_llama_folder: Path, pairs: list[Pair], tmp_path: Path
) -> None:
    options = LoraOptions(rank=8, learning_rate=3e-3, schedule=Schedule.CONSTANT)
    trainer = LoraTrainer(load(wide_llama_folder), options, 300)
    learn(trainer, pairs[1])
    trainer.save(tmp_path / "adapter")
    for device in ("cuda", "cpu"):
        base = load(wide_llama_folder, device)
        base.load_adapter(tmp_path / "adapter", "found")
        questions = [Question(pairs[1].prompt)]
        (answer,) = base.answer(questions, adapter="found", sampling=Sampling(max_new_tokens=24))
        assert answer.text == "Writes."


def test_training_leaves_the_random_numbers_of_others_on_the_gpu_alone(
    llama_folder: Path, pairs: list[Pair]
) -> None:
    base = load(llama_folder)
    before = torch.cuda.get_rng_state()
    LoraTrainer(base, DROPPING, 3).step(pairs)
    assert torch.equal(before, torch.cuda.get_rng_state())


@pytest.fixture
def large() -> Iterator[LoadedModel]:
    """A model whose activations are many times its weights, with random weights."""
    config = AutoConfig.for_model(
        "llama", vocab_size=512, hidden_size=512, intermediate_size=2048, num_hidden_layers=16,
        num_attention_heads=8, num_key_value_heads=8, max_position_embeddings=2048,
    )  # fmt: skip
    torch.manual_seed(0)
    with choose_device("cuda"):
        network: Any = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    network = network.eval().requires_grad_(False)
    yield LoadedModel(network, None, name="large", revision="seed 0", max_length=2048)
    torch.cuda.empty_cache()


@contextmanager
def gpu_memory(mebibytes: float) -> Iterator[None]:
    """Let this process allocate only so much more than it has."""
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    allowed = torch.cuda.memory_reserved() + mebibytes * 2**20
    torch.cuda.set_per_process_memory_fraction(allowed / total)
    yield
    torch.cuda.set_per_process_memory_fraction(1.0)


def samples_of(count: int, length: int) -> list[TokenisedSample]:
    generator = torch.Generator().manual_seed(1)
    drawn = torch.randint(512, (count, length), generator=generator).tolist()
    return [TokenisedSample(tuple(ids), length // 2) for ids in drawn]


def test_a_step_that_exceeds_the_memory_of_the_gpu_is_cut_with_the_same_gradient(
    large: LoadedModel,
) -> None:
    trainer = LoraTrainer(large, LoraOptions(rank=8), 10)
    samples = samples_of(16, 512)
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    whole = trainer.gradients.compute(samples, 0)
    gradient = trainer.adapter.gradient.clone()
    needed = (torch.cuda.max_memory_allocated() - before) / 2**20
    assert trainer.gradients.take_notes() == []
    for share, recomputes in ((0.6, False), (0.1, True)):
        with gpu_memory(needed * share):
            cut = trainer.gradients.compute(samples, 0)
        assert trainer.gradients.take_notes()
        assert trainer.gradients.memory.recomputes is recomputes
        assert cut.weighted == pytest.approx(whole.weighted, rel=1e-2)
        apart = (trainer.adapter.gradient - gradient).norm() / gradient.norm()
        assert apart < 0.05


def test_a_sample_that_exceeds_the_memory_of_the_gpu_either_way_is_a_clear_error(
    large: LoadedModel,
) -> None:
    trainer = LoraTrainer(large, LoraOptions(rank=8), 10)
    with gpu_memory(8), pytest.raises(OutOfMemory, match="longest sample: 2048 tokens"):
        trainer.step_on(samples_of(2, 2048))
    assert trainer.steps_done == 0
    trainer.step_on(samples_of(2, 2048))
    assert trainer.steps_done == 1
