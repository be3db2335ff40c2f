"""A base model and an adapter are written as one model."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from sqltune.errors import FilesNotWritten
from sqltune.local_lora.loaded_model import LoadedModel
from sqltune.local_lora.lora_options import LoraOptions
from sqltune.local_lora.merging import write_merged
from sqltune.local_lora.steps import Pair
from sqltune.local_lora.training import LoraTrainer

IDS = torch.tensor([[5, 6, 7, 8]])


@pytest.fixture
def tuned(llama: LoadedModel, pairs: list[Pair], tmp_path: Path) -> torch.Tensor:
    """Put an adapter on the model, and return logits with it."""
    trainer = LoraTrainer(llama, LoraOptions(rank=4, learning_rate=1e-2), 5)
    for _ in range(5):
        trainer.step(pairs)
    trainer.save(tmp_path / "adapter")
    trainer.close()
    llama.load_adapter(tmp_path / "adapter", "tuned")
    with llama.active("tuned"), torch.no_grad():
        logits: torch.Tensor = llama.network(IDS).logits
    return logits


def test_the_merged_model_answers_as_the_adapter_does(
    llama: LoadedModel, tuned: torch.Tensor, tmp_path: Path
) -> None:
    with llama.active(None), torch.no_grad():
        untuned = llama.network(IDS).logits
    write_merged(llama, "tuned", tmp_path / "merged", torch.float32)
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "merged")
    with torch.no_grad():
        torch.testing.assert_close(model(IDS).logits, tuned, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(tuned, untuned, atol=1e-2)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "merged")
    assert tokenizer("Who?")["input_ids"] == llama.tokenizer("Who?")["input_ids"]


def test_the_merged_model_has_the_number_format_of_its_base(
    llama: LoadedModel, tuned: torch.Tensor, tmp_path: Path
) -> None:
    write_merged(llama, "tuned", tmp_path / "merged", torch.bfloat16)
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "merged")
    assert model.dtype is torch.bfloat16


def test_a_full_disk_leaves_no_half_model(
    llama: LoadedModel,
    tuned: torch.Tensor,
    tmp_path: Path,
    file_size_limit: Callable[[int], AbstractContextManager[None]],
) -> None:
    with file_size_limit(10_000), pytest.raises(FilesNotWritten, match="no disk space"):
        write_merged(llama, "tuned", tmp_path / "out" / "merged", torch.float32)
    assert list((tmp_path / "out").iterdir()) == []
