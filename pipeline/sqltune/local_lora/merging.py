"""Writes a base model and an adapter as one model of transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from sqltune.local_lora.base_models.converting import save_model
from sqltune.local_lora.files import drafted_folder
from sqltune.local_lora.loaded_model import LoadedModel


def write_merged(base: LoadedModel, adapter: str, folder: Path, dtype: torch.dtype) -> None:
    """Write the merged model and its tokenizer; the base model must not be used afterwards.

    Args:
        base: loaded in float32, so that small changes are added exactly.
        adapter: name of an adapter in memory.
        folder: where to.
        dtype: of the written weights.

    Raises:
        FilesNotWritten: the folder cannot be written, for instance because the disk is full.
    """
    network = merge_weights(base, adapter).to(dtype)
    with drafted_folder(folder, setting="--merged") as draft:
        save_model(network, base.tokenizer, draft)


def merge_weights(base: LoadedModel, adapter: str) -> Any:
    """Return the network of transformers with an adapter's weights added to its own."""
    peft: Any = base.peft
    return peft.merge_and_unload(adapter_names=[base.slot(adapter)])
