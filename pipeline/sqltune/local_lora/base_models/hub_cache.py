"""Base models in the Hugging Face Hub's local cache, found without asking the Hub."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path


def find_cached(name: str, revision: str | None) -> Path | None:
    """Return the cached folder of a base model; its last name is the commit.

    Args:
        name: the name on the Hub.
        revision: branch, tag or commit; None for the default branch.

    Returns:
        None if configuration, tokenizer or weights are not all there.
    """
    if find_spec("huggingface_hub") is None:
        return None
    from huggingface_hub import try_to_load_from_cache

    config = try_to_load_from_cache(name, "config.json", revision=revision)
    if not isinstance(config, str):
        return None
    folder = Path(config).parent
    return folder if _is_complete(folder) else None


def _is_complete(folder: Path) -> bool:
    has_tokenizer = any(
        (folder / file).is_file() for file in ("tokenizer.json", "tokenizer.model", "vocab.json")
    )
    return has_tokenizer and _has_weights(folder)


def _has_weights(folder: Path) -> bool:
    if (folder / "model.safetensors").is_file():
        return True
    try:
        index = json.loads((folder / "model.safetensors.index.json").read_text("utf-8"))
        return all((folder / shard).is_file() for shard in set(index["weight_map"].values()))
    except (OSError, ValueError, KeyError, AttributeError):
        return False
