"""Adapters on disk: plain peft reads them, and a folder is complete or not there."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from sqltune.errors import BackendError
from sqltune.local_lora.adapters import CONFIG_FILE, MANIFEST_FILE, WEIGHTS_FILE, read_manifest
from sqltune.local_lora.loaded_model import LoadedModel
from sqltune.local_lora.loading import load_base_model
from sqltune.local_lora.lora_options import LoraOptions
from sqltune.local_lora.steps import Pair
from sqltune.local_lora.stored_weights import require_weights
from sqltune.local_lora.training import LoraTrainer
from tests.local_lora.tiny_models import llama_config, save_tiny_model

READER = """
import sys, torch
from peft import AutoPeftModelForCausalLM
assert "pipeline" not in sys.modules
model = AutoPeftModelForCausalLM.from_pretrained(sys.argv[1]).eval()
with torch.no_grad():
    torch.save(model(torch.tensor([[5, 6, 7, 8]])).logits, sys.argv[2])
"""


@pytest.fixture
def trained(llama: LoadedModel, pairs: list[Pair]) -> LoraTrainer:
    trainer = LoraTrainer(llama, LoraOptions(rank=4, learning_rate=1e-2, seed=5), 9)
    for _ in range(5):
        trainer.step(pairs)
    return trainer


def logits(base: LoadedModel, adapter: str | None) -> torch.Tensor:
    with base.active(adapter), torch.no_grad():
        result: torch.Tensor = base.network(torch.tensor([[5, 6, 7, 8]])).logits
    return result


def test_plain_peft_in_a_fresh_process_gives_our_logits(
    trained: LoraTrainer, tmp_path: Path
) -> None:
    trained.save(tmp_path / "adapter")
    out = tmp_path / "logits.pt"
    subprocess.run(
        [sys.executable, "-c", READER, str(tmp_path / "adapter"), str(out)],
        check=True,
        cwd=tmp_path,
        capture_output=True,
    )
    ours = logits(trained.base, "training")
    torch.testing.assert_close(torch.load(out), ours, rtol=1e-5, atol=1e-5)
    assert not torch.equal(ours, logits(trained.base, None))


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")  # peft 0.21's own
def test_an_adapter_that_peft_wrote_can_be_loaded(
    llama_folder: Path, llama: LoadedModel, trained: LoraTrainer, tmp_path: Path
) -> None:
    trained.save(tmp_path / "ours")
    theirs = PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(llama_folder), tmp_path / "ours"
    )
    theirs.save_pretrained(tmp_path / "theirs")
    expected = logits(llama, "training")
    llama.load_adapter(tmp_path / "theirs", "again")
    torch.testing.assert_close(logits(llama, "again"), expected)


def test_the_manifest_says_where_the_weights_come_from(
    trained: LoraTrainer, llama_folder: Path, tmp_path: Path
) -> None:
    saved = trained.save(tmp_path / "adapter", fingerprint="8:ab12")
    manifest = read_manifest(tmp_path / "adapter")
    content = (tmp_path / "adapter" / WEIGHTS_FILE).read_bytes()
    assert manifest["weights_sha256"] == hashlib.sha256(content).hexdigest() == saved.weights_sha256
    assert saved.weights_bytes == len(content)
    assert manifest["base_model"] == str(llama_folder)
    assert manifest["base_model_revision"] == trained.base.revision
    assert (manifest["seed"], manifest["fingerprint"], manifest["steps"]) == (5, "8:ab12", 5)


@pytest.mark.parametrize("manifest", [None, "", "[]", "\x00"])
def test_weights_without_a_manifest_are_refused_in_words(
    manifest: str | None, tmp_path: Path
) -> None:
    if manifest is not None:
        (tmp_path / MANIFEST_FILE).write_text(manifest)
    with pytest.raises(
        BackendError, match=r"manifest of the weights in .* cannot be read"
    ) as error:
        require_weights(tmp_path, "0" * 64)
    assert error.value.code == "adapter_unreadable"


def test_a_loaded_adapter_answers_like_the_trained_one(
    trained: LoraTrainer, llama: LoadedModel, tmp_path: Path
) -> None:
    expected = logits(llama, "training")
    trained.save(tmp_path / "adapter")
    trained.close()
    llama.load_adapter(tmp_path / "adapter", "live v1.2")
    assert torch.equal(logits(llama, "live v1.2"), expected)
    llama.unload_adapter("live v1.2")
    assert llama.adapters == ()


def test_adapters_in_memory_do_not_touch_each_other(
    trained: LoraTrainer, llama: LoadedModel, tmp_path: Path
) -> None:
    base = logits(llama, None)
    trained.save(tmp_path / "early")
    early = logits(llama, "training")
    trained.step([Pair("a", "b")])
    llama.load_adapter(tmp_path / "early", "early")
    late = logits(llama, "training")
    assert not torch.equal(late, early)
    assert torch.equal(logits(llama, "early"), early)
    assert torch.equal(logits(llama, None), base)
    logits(llama, "early")
    llama.unload_adapter("early")
    assert torch.equal(logits(llama, "training"), late)
    assert torch.equal(logits(llama, None), base)


def test_saving_again_replaces_the_folder_and_leaves_nothing_beside_it(
    trained: LoraTrainer, tmp_path: Path
) -> None:
    first = trained.save(tmp_path / "adapter")
    trained.step([Pair("a", "b")])
    second = trained.save(tmp_path / "adapter")
    assert first.weights_sha256 != second.weights_sha256
    assert [path.name for path in tmp_path.iterdir()] == ["adapter"]
    names = {path.name for path in (tmp_path / "adapter").iterdir()}
    assert names == {WEIGHTS_FILE, CONFIG_FILE, MANIFEST_FILE}


def test_changed_weights_are_noticed(
    trained: LoraTrainer, llama: LoadedModel, tmp_path: Path
) -> None:
    trained.save(tmp_path / "adapter")
    path = tmp_path / "adapter" / WEIGHTS_FILE
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(BackendError, match="not those that its manifest names"):
        llama.load_adapter(tmp_path / "adapter", "live")


def test_pickled_weights_are_not_read(
    trained: LoraTrainer, llama: LoadedModel, tmp_path: Path
) -> None:
    trained.save(tmp_path / "adapter")
    (tmp_path / "adapter" / WEIGHTS_FILE).rename(tmp_path / "adapter" / "adapter_model.bin")
    with pytest.raises(BackendError, match="cannot be used") as error:
        llama.load_adapter(tmp_path / "adapter", "live")
    assert error.value.code == "adapter_unreadable"


def test_other_kinds_of_adapters_are_refused(
    trained: LoraTrainer, llama: LoadedModel, tmp_path: Path
) -> None:
    trained.save(tmp_path / "adapter")
    config = tmp_path / "adapter" / CONFIG_FILE
    config.write_text(json.dumps({**json.loads(config.read_text()), "peft_type": "LOHA"}))
    with pytest.raises(BackendError, match="not 'LORA'"):
        llama.load_adapter(tmp_path / "adapter", "live")


def test_an_adapter_of_another_base_model_is_refused_and_leaves_no_trace(
    trained: LoraTrainer, tmp_path: Path, tokenizer: Any
) -> None:
    trained.save(tmp_path / "adapter")
    save_tiny_model(llama_config(320, num_hidden_layers=5), tokenizer, tmp_path / "other")
    other = load_base_model(str(tmp_path / "other"), allowed_folders=[tmp_path])
    with pytest.raises(BackendError, match="another base model"):
        other.load_adapter(tmp_path / "adapter", "live")
    assert other.adapters == ()


@pytest.mark.parametrize("what", ["adapter", "checkpoint"])
def test_a_full_disk_is_a_clear_error_and_what_was_there_stays(
    trained: LoraTrainer, tmp_path: Path, what: str, file_size_limit: Any
) -> None:
    save = trained.save if what == "adapter" else trained.checkpoint
    save(tmp_path / "out")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    trained.step([Pair("a", "b")])
    with file_size_limit(1000), pytest.raises(BackendError, match="no disk space left") as error:
        save(tmp_path / "out")
    assert error.value.code == "no_disk_space"
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
