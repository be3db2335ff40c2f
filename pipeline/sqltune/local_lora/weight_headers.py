"""The headers of a folder's safetensors: which tensors there are and how large. No torch.

A file begins with the length of its header: https://github.com/huggingface/safetensors
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

WEIGHTS_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"
#: Git stores it in place of a large file: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
_POINTER = b"version https://git-lfs.github.com/spec"
_LENGTH_BYTES = 8
#: A header longer than this is damaged, as safetensors decides.
_MOST_HEADER_BYTES = 100_000_000


class WeightsUnreadable(Exception):
    """Raised when a file of weights is none, is cut off, or is missing; the message says which."""


@dataclass(frozen=True, slots=True)
class TensorHeader:
    """One tensor according to its file's header."""

    name: str
    dtype: str  #: in safetensors' words: F32, BF16, I8 ...
    elements: int


def read_headers(folder: Path) -> list[TensorHeader]:
    """Return all tensors of a model folder, from the files that transformers loads.

    Raises:
        WeightsUnreadable: a file is missing, cut off, or no safetensors.
    """
    return [tensor for path in weight_files(folder) for tensor in _read_header(path)]


def weight_files(folder: Path) -> list[Path]:
    """Return the files that transformers loads: one, or all that the index names.

    Raises:
        WeightsUnreadable: one of them is missing.
    """
    single, index = folder / WEIGHTS_FILE, folder / INDEX_FILE
    if single.is_file():
        return [single]
    if not index.is_file():
        raise WeightsUnreadable(f"it has neither {WEIGHTS_FILE} nor {INDEX_FILE}")
    files = named_files(index)
    missing = [path.name for path in files if not path.is_file()]
    if missing:
        raise WeightsUnreadable(
            f"{len(missing)} of the {len(files)} files that {INDEX_FILE} names are missing (for "
            f"instance {missing[0]}): copy them there too"
        )
    return files


def named_files(index: Path) -> list[Path]:
    """Return the files that an index names, whether they are there or not.

    Raises:
        WeightsUnreadable: it is no index, or names files of other folders.
    """
    try:
        names = sorted(set(json.loads(index.read_text("utf-8"))["weight_map"].values()))
    except (OSError, ValueError, RecursionError, KeyError, AttributeError, TypeError) as exc:
        raise WeightsUnreadable(f"{INDEX_FILE} cannot be read ({exc}): copy it again") from exc
    if not names or not all(isinstance(name, str) and Path(name).name == name for name in names):
        raise WeightsUnreadable(f"{INDEX_FILE} does not name files of its own folder")
    return [index.with_name(name) for name in names]


def is_lfs_pointer(path: Path) -> bool:
    """Return whether Git LFS has put a pointer where the file belongs."""
    with path.open("rb") as file:
        return file.read(len(_POINTER)) == _POINTER


def _read_header(path: Path) -> Iterator[TensorHeader]:
    if is_lfs_pointer(path):
        raise WeightsUnreadable(
            f"{path.name} is a pointer of Git LFS, not the file itself: run `git lfs pull` in the "
            "clone it came from"
        )
    try:
        header, size = _parse_header(path)
        end = max((tensor["data_offsets"][1] for tensor in header.values()), default=0)
        tensors = [
            TensorHeader(name, str(tensor["dtype"]), prod(tensor["shape"]))
            for name, tensor in header.items()
        ]
    except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError) as exc:
        raise WeightsUnreadable(f"{path.name} is not safetensors ({exc})") from exc
    if end != size:
        raise WeightsUnreadable(
            f"{path.name} is cut off or damaged: its header describes {end:,} bytes of weights, "
            f"and it has {size:,}: copy it again"
        )
    yield from tensors


def _parse_header(path: Path) -> tuple[dict[str, Any], int]:
    """Return the header without its metadata, and how many bytes of weights follow it."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
        if length > _MOST_HEADER_BYTES:
            raise ValueError(f"its header would have {length:,} bytes")
        header: dict[str, Any] = json.loads(file.read(length))
    header.pop("__metadata__", None)
    return header, path.stat().st_size - _LENGTH_BYTES - length
