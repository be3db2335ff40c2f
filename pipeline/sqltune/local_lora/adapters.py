"""Adapters on disk, in PEFT's own format with one more file that says where they come from.

`adapter_model.safetensors` and `adapter_config.json` are what peft writes and any server of PEFT
adapters reads; `sqltune_manifest.json` is ours. A folder appears complete or not at all.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
from peft import (
    LoraConfig,
    PeftConfig,
    PeftModel,
    get_peft_model_state_dict,
    set_peft_model_state_dict,
)
from safetensors import SafetensorError
from torch import Tensor

from sqltune.errors import BackendError
from sqltune.local_lora.files import write_folder

WEIGHTS_FILE = "adapter_model.safetensors"
CONFIG_FILE = "adapter_config.json"
MANIFEST_FILE = "sqltune_manifest.json"


@dataclass(frozen=True)
class SavedAdapter:
    """An adapter that was written."""

    #: The folder.
    folder: Path
    #: Size of the weights file.
    weights_bytes: int
    #: SHA-256 of the weights file, in hexadecimal.
    weights_sha256: str


def save_adapter(
    peft: PeftModel,
    slot: str,
    folder: Path,
    manifest: Mapping[str, object],
    announce: Callable[[], None] | None = None,
) -> SavedAdapter:
    """Write an adapter; a folder of this name that is there already is replaced.

    Args:
        peft: the network that carries the adapter.
        slot: the adapter's name inside it.
        folder: where to write.
        manifest: what the manifest file says besides the weights' hash; values that JSON has.
        announce: see `write_folder`.

    Raises:
        BackendError: the folder cannot be written, for instance because the disk is full.
    """
    state = get_peft_model_state_dict(peft, adapter_name=slot, save_embedding_layers=False)
    weights = safetensors.torch.save(
        {name: tensor.detach().contiguous() for name, tensor in sorted(state.items())},
        metadata={"format": "pt"},
    )
    digest = hashlib.sha256(weights).hexdigest()
    files = {
        WEIGHTS_FILE: weights,
        CONFIG_FILE: _json(_config_fields(peft.peft_config[slot])),
        MANIFEST_FILE: _json({**manifest, "weights_sha256": digest}),
    }
    write_folder(folder, files, announce=announce)
    return SavedAdapter(folder, len(weights), digest)


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return what the manifest file of an adapter says.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not JSON with fields.
    """
    fields = json.loads((folder / MANIFEST_FILE).read_text("utf-8"))
    if not isinstance(fields, dict):
        raise ValueError(f"{MANIFEST_FILE} has no fields")
    return fields


def read_adapter(folder: Path) -> tuple[LoraConfig, dict[str, Tensor]]:
    """Return the configuration and the weights of a stored adapter.

    Raises:
        BackendError: it is missing, damaged, not in safetensors, or no LoRA adapter.
    """
    try:
        raw = (folder / WEIGHTS_FILE).read_bytes()
        fields = json.loads((folder / CONFIG_FILE).read_text("utf-8"))
        weights = safetensors.torch.load(raw)
    except (OSError, ValueError, SafetensorError) as exc:
        raise _unreadable(folder, f"{type(exc).__name__}: {exc}") from exc
    _check_hash(folder, raw)
    if fields.get("peft_type") != "LORA":
        raise _unreadable(folder, f"its peft_type is {fields.get('peft_type')!r}, not 'LORA'")
    config = LoraConfig.from_pretrained(str(folder))
    config.inference_mode = True
    return config, weights


def put_weights(peft: PeftModel, slot: str, weights: dict[str, Tensor], folder: Path) -> None:
    """Fill an adapter's matrices, and check that none is missing.

    Raises:
        BackendError: the weights do not fit this base model.
    """
    try:
        result: Any = set_peft_model_state_dict(peft, weights, adapter_name=slot)
    except (RuntimeError, ValueError, KeyError) as exc:
        raise _unreadable(folder, f"it does not fit this base model: {exc}") from exc
    missing = [key for key in result.missing_keys if f".{slot}." in key]
    if missing or result.unexpected_keys:
        odd = (missing or list(result.unexpected_keys))[0]
        raise _unreadable(folder, f"it was trained on another base model (for instance {odd})")


def _check_hash(folder: Path, weights: bytes) -> None:
    if not (folder / MANIFEST_FILE).is_file():
        return  # an adapter of another tool carries no manifest of ours
    expected = read_manifest(folder).get("weights_sha256")
    if expected and hashlib.sha256(weights).hexdigest() != expected:
        raise _unreadable(folder, "its weights are not those that its manifest names")


def _config_fields(config: PeftConfig) -> dict[str, object]:
    """Return the configuration as peft stores it, sorted so that equal adapters are equal files."""
    fields: dict[str, object] = {**config.to_dict(), "inference_mode": True}
    return {k: sorted(v) if isinstance(v, set) else v for k, v in fields.items()}


def _json(fields: Mapping[str, object]) -> bytes:
    return (json.dumps(fields, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _unreadable(folder: Path, reason: str) -> BackendError:
    return BackendError(
        f"the adapter in {folder} cannot be used: {reason}; train it again or restore its files",
        code="adapter_unreadable",
    )
