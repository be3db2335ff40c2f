"""How a version and its folder are called where vLLM and rows of `vllm_calls` meet."""

from __future__ import annotations

import re
from pathlib import PurePath

from sqltune.database.tables.vllm_calls import LiveWeights
from sqltune.settings import Settings

_NAME = re.compile(r"(?P<adapter>.+)-v(?P<number>[1-9][0-9]{0,8})", re.DOTALL)


def name_lora(weights: LiveWeights) -> str:
    """Return the name of a version at vLLM, where reloading a name would reuse stale caches."""
    return f"{weights.adapter_name}-v{weights.version_number}"


def read_lora_name(name: str) -> tuple[str, int] | None:
    """Return the adapter and the version that a name may mean; None: it is none of ours."""
    match = _NAME.fullmatch(name)
    return None if match is None else (match["adapter"], int(match["number"]))


def locate_weights(weights: LiveWeights, settings: Settings) -> str:
    """Return the folder of the weights as vLLM sees it.

    The last part of an artifact's address is what it is called wherever the folder of artifacts
    was mounted.
    """
    folder = settings.vllm_lora_folder or str(settings.artifacts.resolve())
    return f"{folder.rstrip('/')}/adapters/{PurePath(weights.artifact_uri).name}"
