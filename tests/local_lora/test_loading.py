"""Base models by name or folder; what cannot or must not be loaded is refused with a remedy."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from sqltune.errors import BackendError, RequestRejected
from sqltune.local_lora.identity import Identities, ModelIdentity
from sqltune.local_lora.loading import load_base_model, load_tokenizer
from sqltune.local_lora.precision import Precision, choose_dtype, explain_rounding
from sqltune.local_lora.sources import find_base_model, hash_folder


def test_a_folder_is_loaded_with_its_identity(llama_folder: Path) -> None:
    base = load_base_model(str(llama_folder), allowed_folders=[llama_folder.parent])
    assert base.name == str(llama_folder)
    assert base.revision == hash_folder(llama_folder)
    assert base.max_length == 256
    assert base.dtype == torch.float32
    assert not any(parameter.requires_grad for parameter in base.network.parameters())


def test_identity_and_token_counts_need_no_weights(llama_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(llama_folder, folder)
    (folder / "model.safetensors").write_bytes(b"")
    source = find_base_model(str(folder), allowed_folders=[tmp_path])
    assert load_tokenizer(source)("Who?")["input_ids"]
    identity = Identities(tmp_path / "identities.json").identify(source)
    assert identity == ModelIdentity(hash_folder(folder), 256)


def test_a_changed_file_is_another_revision(llama_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(llama_folder, tmp_path / "copy")
    assert hash_folder(tmp_path / "copy") == hash_folder(llama_folder)
    config = tmp_path / "copy" / "config.json"
    config.write_text(config.read_text() + " ")
    assert hash_folder(tmp_path / "copy") != hash_folder(llama_folder)


def test_a_folder_outside_the_allowed_ones_is_refused(llama_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RequestRejected, match="not in an allowed folder") as error:
        find_base_model(str(llama_folder), allowed_folders=[tmp_path])
    assert error.value.code == "base_model_not_allowed"


def test_a_link_does_not_lead_out_of_an_allowed_folder(llama_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(llama_folder)
    for path in (tmp_path / "link", tmp_path / ".." / llama_folder.name):
        with pytest.raises(RequestRejected, match="not in an allowed folder"):
            find_base_model(str(path), allowed_folders=[tmp_path])


def test_names_on_the_hub_can_be_forbidden() -> None:
    assert not find_base_model("owner/model").is_folder
    with pytest.raises(RequestRejected, match="settings forbid"):
        find_base_model("owner/model", allow_hub=False)


@pytest.mark.parametrize("name", ["", "two words", "owner/model;x", "https://example.org/x"])
def test_what_is_not_a_name_is_refused(name: str) -> None:
    with pytest.raises(RequestRejected, match=r"use a folder|not in an allowed folder"):
        find_base_model(name)


def test_pickled_weights_are_not_read(llama_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(llama_folder, tmp_path / "model")
    (tmp_path / "model" / "model.safetensors").rename(tmp_path / "model" / "pytorch_model.bin")
    with pytest.raises(RequestRejected, match=r"no .safetensors file"):
        load_base_model(str(tmp_path / "model"), allowed_folders=[tmp_path])


def test_code_in_a_model_folder_is_never_run(llama_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(llama_folder, folder)
    (folder / "evil.py").write_text("raise SystemExit('code of the model ran')")
    fields = json.loads((folder / "config.json").read_text())
    fields |= {"model_type": "evil", "auto_map": {"AutoConfig": "evil.Config"}}
    (folder / "config.json").write_text(json.dumps(fields))
    with pytest.raises(RequestRejected, match="without code of its own") as error:
        load_base_model(str(folder), allowed_folders=[tmp_path])
    assert error.value.code == "unknown_base_model"


def test_small_models_stay_float32_and_large_ones_follow_the_processor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cpu = torch.device("cpu")
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    assert choose_dtype(Precision.AUTO, 5_000_000, cpu) is torch.float32
    assert choose_dtype(Precision.AUTO, 135_000_000, cpu) is torch.bfloat16
    assert choose_dtype(Precision.FLOAT32, 135_000_000, cpu) is torch.float32
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    assert choose_dtype(Precision.AUTO, 135_000_000, cpu) is torch.float32
    assert choose_dtype(Precision.BFLOAT16, 5_000_000, cpu) is torch.bfloat16


def test_an_adapter_that_is_not_in_memory_is_a_clear_error(llama_folder: Path) -> None:
    base = load_base_model(str(llama_folder), allowed_folders=[llama_folder.parent])
    with pytest.raises(BackendError, match="not in memory"), base.active("live"):
        pass


def test_other_threads_are_set_on_request(llama_folder: Path, one_thread: Any) -> None:
    load_base_model(str(llama_folder), allowed_folders=[llama_folder.parent], threads=2)
    assert torch.get_num_threads() == 2


def test_a_folder_of_the_working_directory_is_not_taken_for_a_name_on_the_hub(
    llama_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    shutil.copytree(llama_folder, tmp_path / "owner" / "model")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BackendError):
        load_base_model("owner/model")
    with pytest.raises(BackendError):
        load_tokenizer(find_base_model("owner/model"))


def test_narrow_numbers_are_a_reason_and_float32_is_none() -> None:
    assert explain_rounding(torch.float32) is None
    assert "computes in bfloat16" in (explain_rounding(torch.bfloat16) or "")
