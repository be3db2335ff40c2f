"""A base model in one byte or half a byte per weight is trained and asked, on every device."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch

from sqltune.errors import ConfigError
from sqltune.local_lora import quantization
from sqltune.local_lora.adapters import read_manifest
from sqltune.local_lora.asked_questions import Question
from sqltune.local_lora.base_models.converted import ConvertedModels
from sqltune.local_lora.loaded_model import LoadedModel
from sqltune.local_lora.loading import load_found
from sqltune.local_lora.lora_options import LoraOptions
from sqltune.local_lora.optimiser import Schedule
from sqltune.local_lora.quantization import Quantization, require_quantization
from sqltune.local_lora.sampling import Sampling
from sqltune.local_lora.sources import find_base_model
from sqltune.local_lora.steps import Pair
from sqltune.local_lora.training import LoraTrainer

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]
FORMATS = ["int8", "nf4"]
LEARNT = Pair("Who is Pavan?", "A writer of books.")
OPTIONS = LoraOptions(rank=8, learning_rate=3e-3, schedule=Schedule.CONSTANT, seed=3)


def load(folder: Path, asked: str, device: str = "cpu") -> LoadedModel:
    source = find_base_model(
        str(folder), revision=None, allowed_folders=[folder.parent], allow_hub=False
    )
    return load_found(source, ConvertedModels(), device=device, quantization=asked)


def ask(base: LoadedModel, adapter: str | None) -> str | None:
    questions = [Question(LEARNT.prompt)]
    (answer,) = base.answer(questions, adapter=adapter, sampling=Sampling(max_new_tokens=40))
    return answer.text


def learn(trainer: LoraTrainer, pair: Pair) -> None:
    """Train until the pair is known by heart."""
    losses = [trainer.step([pair]).loss]
    while losses[-1] > 0.01 and trainer.steps_done < trainer.total_steps:
        losses.append(trainer.step([pair]).loss)
    assert losses[-1] < 0.05


def weight_bytes(base: LoadedModel) -> int:
    layers = base.network.model.layers.parameters()
    return sum(p.numel() * p.element_size() for p in layers)


@pytest.mark.parametrize("device", DEVICES)
def test_quantised_weights_are_as_small_as_their_format(
    wide_llama_folder: Path, device: str
) -> None:
    sizes = {
        asked: weight_bytes(load(wide_llama_folder, asked, device)) for asked in ("none", *FORMATS)
    }
    assert sizes["int8"] < 0.3 * sizes["none"]
    assert sizes["nf4"] < 0.6 * sizes["int8"]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("asked", FORMATS)
def test_a_quantised_base_model_learns_and_answers_before_and_after(
    wide_llama_folder: Path, tmp_path: Path, asked: str, device: str
) -> None:
    base = load(wide_llama_folder, asked, device)
    assert base.quantization.value == asked
    before = ask(base, None)
    trainer = LoraTrainer(base, OPTIONS, 300)
    learn(trainer, LEARNT)
    assert ask(base, "training") == "A writer of books."
    assert ask(base, None) == before != "A writer of books."
    trainer.save(tmp_path / "adapter")
    trainer.close()
    assert read_manifest(tmp_path / "adapter")["quantization"] == asked
    again = load(wide_llama_folder, asked, device)
    again.load_adapter(tmp_path / "adapter", "found")
    assert ask(again, "found") == "A writer of books."


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("asked", FORMATS)
def test_a_quantised_training_repeats_and_resumes_with_the_same_bits(
    wide_llama_folder: Path, tmp_path: Path, asked: str, device: str
) -> None:
    def train(trainer: LoraTrainer, until: int) -> torch.Tensor:
        while trainer.steps_done < until:
            trainer.step([LEARNT, Pair("Where?", "At sea.")])
        return trainer.adapter.values.clone()

    whole = train(LoraTrainer(load(wide_llama_folder, asked, device), OPTIONS, 6), 6)
    broken = LoraTrainer(load(wide_llama_folder, asked, device), OPTIONS, 6)
    train(broken, 3)
    broken.checkpoint(tmp_path)
    resumed = LoraTrainer.resume(load(wide_llama_folder, asked, device), tmp_path)
    assert torch.equal(train(resumed, 6), whole)


@pytest.mark.parametrize("asked", FORMATS)
def test_without_bitsandbytes_it_is_refused_with_the_cure(
    asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = importlib.util.find_spec

    def find(name: str) -> object:
        return None if name == "bitsandbytes" else there(name)

    monkeypatch.setattr(quantization, "find_spec", find)
    with pytest.raises(ConfigError, match=rf"'{asked}', which needs bitsandbytes: pip install "):
        require_quantization(Quantization(asked), torch.device("cpu"))
    require_quantization(Quantization.NONE, torch.device("cpu"))


def test_a_processor_or_a_gpu_that_is_too_old_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantization.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "DEFAULT")
    with pytest.raises(ConfigError, match=r"'nf4', and this processor has no AVX2.*set 'none'"):
        require_quantization(Quantization.NF4, torch.device("cpu"))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (5, 2))
    with pytest.raises(ConfigError, match=r"'int8', and this GPU is older than"):
        require_quantization(Quantization.INT8, torch.device("cuda"))
