"""Whether a GGUF file can be read as a base model, found from its header and without torch."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from sqltune.errors import ConfigError, RequestRejected
from sqltune.local_lora.base_models.gguf_header import (
    GgufHeader,
    GgufTensor,
    GgufUnreadable,
    read_header,
)

#: transformers reads them, but they do not continue a text.
_NOT_CAUSAL = frozenset({"t5", "t5encoder", "umt5"})
#: Keys of transformers' table that are no architectures.
_NO_ARCHITECTURES = frozenset({"general", "tokenizer"})


@dataclass(frozen=True, slots=True)
class GgufDescription:
    """What is known of a GGUF file that can be read."""

    architecture: str
    quantization: str  #: as llama.cpp names it, for instance Q4_K_M
    max_tokens: int | None  #: None: the file does not say


def describe_gguf(name: str, path: Path) -> GgufDescription:
    """Return what a GGUF file holds, once it is certain that it can be read.

    Args:
        name: the base model's name, for messages.
        path: of the file.

    Raises:
        RequestRejected: it is damaged, or of an architecture or a quantisation that is not read.
        ConfigError: the package gguf is not installed.
    """
    require_gguf()
    try:
        header = read_header(path)
    except GgufUnreadable as exc:
        raise _unreadable(name, path, str(exc)) from exc
    except OSError as exc:
        raise _unreadable(name, path, f"it cannot be opened: {exc}") from exc
    reason = _find_obstacle(header)
    if reason is not None:
        raise _unreadable(name, path, reason)
    return GgufDescription(header.architecture, _name_quantization(header), header.max_tokens)


def _find_obstacle(header: GgufHeader) -> str | None:
    """Return why the file cannot be read, or None."""
    parts = header.metadata.get("split.count", 0)
    if int(parts) > 1:
        return f"it is one of {parts} parts; join them with llama-gguf-split --merge"
    return _miss_architecture(header) or _miss_quantization(header) or _miss_content(header)


def _miss_architecture(header: GgufHeader) -> str | None:
    known, name = _architectures(), header.architecture
    # transformers' table has its own names for some of llama.cpp's.
    spellings = {name, name.replace("-", "_"), re.sub(r"moe$", "_moe", name)}
    if spellings & known:
        return None
    import transformers

    return (
        f"its architecture is {name!r}, and transformers {transformers.__version__} reads only "
        f"{', '.join(sorted(known))} from GGUF"
    )


def _miss_quantization(header: GgufHeader) -> str | None:
    for number in sorted({tensor.type_number for tensor in header.tensors}):
        if not _is_dequantized(number):
            import gguf

            names = {kind.value: kind.name for kind in gguf.GGMLQuantizationType}
            return (
                f"it has tensors of the quantisation {names.get(number, number)}, which the "
                "package gguf does not read; convert it to another one, for instance Q8_0"
            )
    return None


def _miss_content(header: GgufHeader) -> str | None:
    if "tokenizer.ggml.model" not in header.metadata:
        return "it has no tokenizer"
    if not header.tensors:
        return "it has no weights"
    needed = max(tensor.offset + _bytes_of(tensor) for tensor in header.tensors)
    if needed > header.data_bytes:
        return f"its last {needed - header.data_bytes:,} bytes are missing; copy it again"
    return None


@cache
def _architectures() -> frozenset[str]:
    from transformers.integrations.ggml import GGUF_CONFIG_MAPPING

    known = set(GGUF_CONFIG_MAPPING) | _newer_architectures()
    return frozenset(known - _NOT_CAUSAL - _NO_ARCHITECTURES)


def _newer_architectures() -> set[str]:
    """Return those of the table that transformers 5.23 is moving to."""
    try:
        from transformers.integrations.gguf.gguf_config_mapping import GGUF_CONFIG_ARCHS
    except ImportError:
        return set()
    return set(GGUF_CONFIG_ARCHS)


@cache
def _is_dequantized(type_number: int) -> bool:
    """Return whether gguf turns a block of this type into numbers."""
    import gguf
    import numpy as np

    try:
        kind = gguf.GGMLQuantizationType(type_number)
        _, block_bytes = gguf.GGML_QUANT_SIZES[kind]
        gguf.quants.dequantize(np.zeros((1, block_bytes), np.uint8), kind)
    except (ValueError, KeyError, NotImplementedError):  # the last for types that it only names
        return False
    return True


def _bytes_of(tensor: GgufTensor) -> int:
    import gguf

    elements, size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType(tensor.type_number)]
    return int(tensor.elements // elements * size)


def _name_quantization(header: GgufHeader) -> str:
    import gguf

    try:
        name = gguf.LlamaFileType(int(header.metadata["general.file_type"])).name
    except (KeyError, ValueError):
        return str(gguf.GGMLQuantizationType(header.main_type).name)
    return name.removeprefix("MOSTLY_").removeprefix("ALL_")


def require_gguf() -> None:
    """Require the package that reads GGUF files.

    Raises:
        ConfigError: it is not installed.
    """
    if find_spec("gguf") is None or find_spec("transformers") is None:
        raise ConfigError("a GGUF file needs the package gguf: pip install '.[local]' in a clone")


def _unreadable(name: str, path: Path, reason: str) -> RequestRejected:
    return RequestRejected(
        f"base model {name!r} cannot be used: {path.name} cannot be read as a GGUF model: {reason}",
        code="base_model_unreadable",
    )
