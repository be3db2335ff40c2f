"""What can be said about a base model's folder from its small files and its headers. No torch.

It comes before transformers reads the folder: a configuration must not ask for more than the
weights have, and what transformers would guess or make up is refused in words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqltune.errors import RequestRejected
from sqltune.local_lora.weight_headers import (
    TensorHeader,
    WeightsUnreadable,
    is_lfs_pointer,
    read_headers,
)

#: Files that transformers reads beside the weights, where they are there.
_JSON_FILES = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
)
#: Ours have kilobytes; a configuration that lists every layer has some hundred.
_MOST_CONFIG_BYTES = 10_000_000
_LAYER_COUNT = re.compile(r"(num|n)_(\w+_)?layers?|depth")
#: Tensors that only quantised weights have: of GPTQ and AWQ, compressed-tensors, FP8, bitsandbytes.
_QUANTISED = re.compile(
    r"\.(qweight|qzeros|g_idx|weight_packed|weight_scale(_inv)?|absmax|quant_map|SCB)$"
)


def check_folder(name: str, folder: Path) -> list[TensorHeader]:
    """Return the tensors of a folder that may be a base model.

    Args:
        name: as the user wrote it.
        folder: with configuration, tokenizer and weights.

    Raises:
        RequestRejected: files are damaged, pointers or missing, the weights are quantised, or the
            configuration describes another kind of model or more than the weights hold.
    """
    config = check_small_files(name, folder)
    try:
        tensors = read_headers(folder)
    except WeightsUnreadable as error:
        raise refuse(name, str(error)) from error
    _refuse_quantised(name, config, tensors)
    for path, count in _layer_counts(config):
        if count > len(tensors):
            raise refuse(
                name,
                f"its config.json asks for {count:,} layers ({path}), and its weights are "
                f"{len(tensors):,} tensors in all: restore the files as they were published",
            )
    return tensors


def check_small_files(name: str, folder: Path) -> dict[str, Any]:
    """Return the configuration of a folder whose weights need not be there yet.

    Raises:
        RequestRejected: as `check_folder`.
    """
    for file in _JSON_FILES:
        _require_json(name, folder / file)
    config: dict[str, Any] = json.loads((folder / "config.json").read_text("utf-8"))
    _check_kind(name, folder, config)
    _refuse_quantised(name, config, [])
    return config


def refuse(name: str, reason: str) -> RequestRejected:
    """Return the refusal of a base model."""
    return RequestRejected(
        f"base model {name!r} cannot be used: {reason}", code="unknown_base_model"
    )


def _require_json(name: str, path: Path) -> None:
    if not path.is_file():
        return
    if is_lfs_pointer(path):
        raise refuse(
            name,
            f"{path.name} is a pointer of Git LFS, not the file itself: run `git lfs pull` in the "
            "clone it came from",
        )
    if path.name == "config.json" and path.stat().st_size > _MOST_CONFIG_BYTES:
        raise refuse(name, f"{path.name} has {path.stat().st_size:,} bytes")
    try:
        content = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as exc:
        raise refuse(name, f"{path.name} is not JSON ({exc}): copy it again") from exc
    if not isinstance(content, dict):
        raise refuse(name, f"{path.name} is JSON and no object: copy it again")


def _check_kind(name: str, folder: Path, config: dict[str, Any]) -> None:
    if (folder / "adapter_config.json").exists():
        raise refuse(
            name,
            "its folder has an adapter_config.json, so that it is an adapter or mixed with one: "
            "name the base model itself, or move the adapter's files elsewhere",
        )
    if not isinstance(config.get("model_type"), str):
        raise refuse(name, "its config.json names no model_type")
    if config.get("is_encoder_decoder") is True:
        raise refuse(
            name,
            f"a {config['model_type']} model is an encoder with a decoder, and only models that "
            "continue a text can be tuned here",
        )


def _refuse_quantised(name: str, config: dict[str, Any], tensors: list[TensorHeader]) -> None:
    asked = config.get("quantization_config") or config.get("compression_config")
    found = next((t.name for t in tensors if _is_quantised(t)), None)
    if not asked and found is None:
        return
    method = asked.get("quant_method") if isinstance(asked, dict) else None
    by = f" with {method}" if isinstance(method, str) else ""
    where = "" if found is None else f" (for instance {found!r})"
    raise refuse(
        name,
        f"its weights are quantised{by}{where}, and an adapter is trained on whole ones: name the "
        "model that it was made of, and to save memory set adapters.quantization to 'int8' or "
        "'nf4'",
    )


def _is_quantised(tensor: TensorHeader) -> bool:
    is_weight = tensor.name.endswith(".weight")
    is_narrow = tensor.dtype.startswith(("F8", "F4", "I", "U"))
    return _QUANTISED.search(tensor.name) is not None or (is_weight and is_narrow)


def _layer_counts(config: dict[str, Any], path: str = "") -> Iterator[tuple[str, int]]:
    """Yield each number of layers in a configuration, with its name."""
    for key, value in config.items():
        if isinstance(value, dict):
            yield from _layer_counts(value, f"{path}{key}.")
        elif isinstance(value, int) and _LAYER_COUNT.fullmatch(key):
            yield f"{path}{key}", value
