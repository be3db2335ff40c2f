"""A base model's folder is refused in words, from its small files and headers, or it works."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor
from transformers import AutoConfig, AutoTokenizer

from sqltune.backends.local.backend import LocalBackend
from sqltune.errors import RequestRejected
from sqltune.local_lora.loading import load_base_model
from sqltune.local_lora.weight_headers import INDEX_FILE, WEIGHTS_FILE
from tests.local_lora.tiny_models import save_tiny_model

Damage = Callable[[Path], object]
SHAPE: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "eos_token_id": 0,
    "bos_token_id": None,
    "pad_token_id": 0,
}
STATE: dict[str, Any] = {"hidden_size": 64, "num_hidden_layers": 2, "state_size": 8}
EXPERTS: dict[str, Any] = {**SHAPE, "num_experts_per_tok": 2}
#: Architectures that are refused, with a word of the reason.
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "mamba": (STATE, "running state"),
    "mamba2": ({**STATE, "num_heads": 8, "head_dim": 16, "n_groups": 1}, "running state"),
    "rwkv": ({"hidden_size": 64, "num_hidden_layers": 2}, "running state"),
    "recurrent_gemma": ({**SHAPE, "lru_width": 64, "num_hidden_layers": 3}, "running state"),
    "jamba": (
        {
            **SHAPE,
            "attn_layer_period": 2,
            "attn_layer_offset": 1,
            "num_experts": 2,
            "mamba_d_state": 8,
            "mamba_dt_rank": 4,
        },
        "running state",
    ),
    "falcon_h1": (
        {**SHAPE, "mamba_d_ssm": 64, "mamba_n_heads": 4, "mamba_d_head": 16, "mamba_d_state": 8},
        "running state",
    ),
    "bert": ({k: SHAPE[k] for k in list(SHAPE)[:4]}, "encoder"),
}


def edit(file: str, **fields: object) -> Damage:
    """Return what sets fields of a JSON file, or removes those that are None."""

    def change(folder: Path) -> None:
        path = folder / file
        content = {**json.loads(path.read_text()), **fields}
        path.write_text(json.dumps({k: v for k, v in content.items() if v is not None}))

    return change


def rewrite(change: Callable[[dict[str, Tensor]], dict[str, Tensor]]) -> Damage:
    """Return what stores other weights."""

    def apply(folder: Path) -> None:
        path = folder / WEIGHTS_FILE
        changed = change(safetensors.torch.load_file(path))
        safetensors.torch.save_file(changed, path, metadata={"format": "pt"})

    return apply


def prefix(text: str) -> Damage:
    return rewrite(lambda weights: {text + name: tensor for name, tensor in weights.items()})


def write(file: str, content: bytes) -> Damage:
    return lambda folder: (folder / file).write_bytes(content)


def cut(folder: Path) -> None:
    whole = (folder / WEIGHTS_FILE).read_bytes()
    (folder / WEIGHTS_FILE).write_bytes(whole[:-1000])


def lose_a_shard(folder: Path) -> None:
    (folder / WEIGHTS_FILE).rename(folder / "model-00001-of-00002.safetensors")
    names = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (folder / INDEX_FILE).write_text(json.dumps({"weight_map": names}))


def lead_out(folder: Path) -> None:
    (folder / INDEX_FILE).write_text(json.dumps({"weight_map": {"a": "../x.safetensors"}}))
    (folder / WEIGHTS_FILE).rename(folder / "other.safetensors")


def add_tokens(folder: Path) -> None:
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens([f"<product_{number}>" for number in range(40)])
    tokenizer.save_pretrained(folder)


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 538090408\n"
DAMAGES: dict[str, tuple[Damage, str]] = {
    "missing": (
        rewrite(lambda weights: {k: v for k, v in weights.items() if "layers.1.mlp" not in k}),
        r"lack 3 of \d+ tensors .*layers.1.mlp",
    ),
    "without a head": (edit("config.json", tie_word_embeddings=False), "lm_head.weight"),
    "peft's prefix": (prefix("base_model.model."), "begin with 'base_model.model.'"),
    "another prefix": (prefix("module."), "begin with 'module.'"),
    "other sizes": (edit("config.json", intermediate_size=256), r"config.json contradicts .*256"),
    "fewer layers": (edit("config.json", num_hidden_layers=2), "leaves out some of its weights"),
    "biases left out": (
        rewrite(lambda w: {**w, "model.layers.0.self_attn.q_proj.bias": torch.zeros(48)}),
        "leaves out some of its weights .*q_proj.bias",
    ),
    "many layers": (edit("config.json", num_hidden_layers=5_000_000), "5,000,000 layers"),
    "many parts": (
        edit("config.json", model_type="jetmoe", num_hidden_layers=20, num_local_experts=10**9),
        "cannot be",
    ),
    "heads that do not divide": (edit("config.json", num_attention_heads=0), "cannot be loaded"),
    "a size that is no number": (edit("config.json", hidden_size="wide"), "cannot be loaded"),
    "more tokens": (add_tokens, "tokens up to number 359, .*embeddings for 320"),
    "no end": (edit("tokenizer_config.json", eos_token=None), "no end token"),
    "no tokenizer": (lambda folder: (folder / "tokenizer.json").unlink(), "cannot be"),
    "bitsandbytes": (
        edit("config.json", quantization_config={"quant_method": "bitsandbytes"}),
        "quantised with bitsandbytes",
    ),
    "gptq": (edit("config.json", quantization_config={"quant_method": "gptq"}), "with gptq"),
    "awq": (edit("config.json", quantization_config={"quant_method": "awq"}), "with awq"),
    "fp8": (
        rewrite(lambda w: {k: v.to(torch.float8_e4m3fn) for k, v in w.items()}),
        "quantised .for instance",
    ),
    "packed weights": (
        rewrite(lambda w: {k.replace("q_proj.weight", "q_proj.qweight"): v for k, v in w.items()}),
        "quantised .*qweight",
    ),
    "a pointer": (write(WEIGHTS_FILE, POINTER), "pointer of Git LFS.*git lfs pull"),
    "a pointer for the tokenizer": (
        write("tokenizer.json", POINTER),
        "tokenizer.json is a pointer",
    ),
    "cut off": (cut, "cut off or damaged"),
    "no safetensors": (write(WEIGHTS_FILE, b"\x08" * 64), "is not safetensors"),
    "empty weights": (write(WEIGHTS_FILE, b""), "is not safetensors"),
    "a missing shard": (lose_a_shard, "1 of the 2 files .*00002-of-00002"),
    "an index of other folders": (lead_out, "files of its own folder"),
    "broken JSON": (write("config.json", b'{"model_type": "llama",'), "config.json is not JSON"),
    "a list": (write("config.json", b"[]"), "JSON and no object"),
    "deep JSON": (write("config.json", b"[" * 100_000), "config.json is not JSON"),
    "no type": (edit("config.json", model_type=None), "no model_type"),
    "an encoder with a decoder": (
        edit("config.json", model_type="t5", is_encoder_decoder=True),
        "encoder with a decoder",
    ),
    "an adapter": (write("adapter_config.json", b"{}"), "adapter_config.json"),
}


@pytest.fixture
def describe(tmp_path: Path) -> Iterator[Callable[[Path], object]]:
    """What `plan` and `check` ask of a base model."""
    backend = LocalBackend(artifacts=tmp_path / "artifacts", allowed_folders=[tmp_path])
    yield lambda folder: backend.describe(str(folder), None)
    backend.close()


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_folder_is_refused_in_words_before_anything_is_trained(
    name: str, llama_folder: Path, tmp_path: Path, describe: Callable[[Path], object]
) -> None:
    damage, words = DAMAGES[name]
    folder = shutil.copytree(llama_folder, tmp_path / "model")
    describe(folder)
    damage(folder)
    for read in (describe, lambda f: load_base_model(str(f), allowed_folders=[tmp_path])):
        with pytest.raises(RequestRejected, match=words) as error:
            read(folder)
        assert error.value.code == "unknown_base_model"


@pytest.mark.parametrize("kind", REFUSED)
def test_an_architecture_that_cannot_be_tuned_is_refused(
    kind: str, tokenizer: Any, tmp_path: Path, describe: Callable[[Path], object]
) -> None:
    fields, words = REFUSED[kind]
    config = AutoConfig.for_model(kind, vocab_size=len(tokenizer), **fields)
    save_tiny_model(config, tokenizer, tmp_path / kind)
    with pytest.raises(RequestRejected, match=words):
        describe(tmp_path / kind)


def test_a_link_out_of_the_allowed_folders_is_not_read(llama_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(llama_folder, tmp_path / "allowed" / "model")
    (folder / "config.json").rename(tmp_path / "config.json")
    (folder / "config.json").symlink_to(tmp_path / "config.json")
    with pytest.raises(RequestRejected, match=r"link config.json to") as error:
        load_base_model(str(folder), allowed_folders=[tmp_path / "allowed"])
    assert error.value.code == "base_model_not_allowed"


def test_a_mark_without_a_row_of_embeddings_does_no_harm(
    llama_folder: Path, tmp_path: Path, describe: Callable[[Path], object]
) -> None:
    folder = shutil.copytree(llama_folder, tmp_path / "model")
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<image>"]})
    tokenizer.save_pretrained(folder)
    describe(folder)


def test_a_prefix_that_transformers_takes_off_does_no_harm(
    llama_folder: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(llama_folder, tmp_path / "model")
    prefix("model.")(folder)
    base = load_base_model(str(folder), allowed_folders=[tmp_path])
    plain = load_base_model(str(llama_folder), allowed_folders=[llama_folder.parent])
    stored = plain.network.state_dict()
    assert all(tensor.equal(stored[key]) for key, tensor in base.network.state_dict().items())
