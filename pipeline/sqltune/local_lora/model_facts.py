"""What a base model's files say about it, for its profile and a plan's estimate. No torch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sqltune.local_lora.base_models.gguf_header import GgufUnreadable, read_header
from sqltune.local_lora.sources import BaseModelSource, Place
from sqltune.local_lora.tuning_profiles import ModelFacts
from sqltune.local_lora.weight_headers import WeightsUnreadable, read_headers


@dataclass(frozen=True, slots=True)
class FileFacts:
    """A base model according to its configuration and the headers of its weights."""

    model: ModelFacts
    parameters: int | None  #: None: its weights are not on this machine, or cannot be read


def read_facts(source: BaseModelSource) -> FileFacts:
    """Return what the files say; what cannot be read is left out."""
    if source.place is Place.GGUF:
        return _read_gguf(source)
    folder = _cached_folder(source) if source.place is Place.HUB else Path(source.location)
    if folder is None:
        return FileFacts(ModelFacts("", None), None)
    config = _read_json(folder / "config.json")
    text = config.get("text_config")
    text_config = text if isinstance(text, dict) else config
    # GPT-2 and its like call it n_embd; transformers has a common name for all in memory only.
    hidden = text_config.get("hidden_size") or text_config.get("n_embd")
    family = str(config.get("model_type", ""))
    facts = ModelFacts(family, int(hidden) if hidden else None)
    return FileFacts(facts, _count_parameters(folder))


def _read_gguf(source: BaseModelSource) -> FileFacts:
    try:
        header = read_header(Path(source.location))
    except (GgufUnreadable, OSError):
        return FileFacts(ModelFacts("", None), None)
    hidden = header.metadata.get(f"{header.architecture}.embedding_length")
    facts = ModelFacts(header.architecture, int(hidden) if hidden else None)
    return FileFacts(facts, sum(tensor.elements for tensor in header.tensors))


def _cached_folder(source: BaseModelSource) -> Path | None:
    """Return where the Hub's configuration was stored when the base model was resolved."""
    if find_spec("huggingface_hub") is None:
        return None
    from huggingface_hub import try_to_load_from_cache

    config = try_to_load_from_cache(source.location, "config.json", revision=source.revision)
    return Path(config).parent if isinstance(config, str) else None


def _count_parameters(folder: Path) -> int | None:
    """Return the elements of all tensors, from the headers of the weights alone."""
    try:
        return sum(tensor.elements for tensor in read_headers(folder)) or None
    except WeightsUnreadable:
        return None


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
