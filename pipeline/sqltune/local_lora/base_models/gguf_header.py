"""The header of a GGUF file: architecture, quantisation, longest text, and what tensors it holds.

Read by our own code, since gguf's reader takes seconds for the vocabulary, which is skipped here.
The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import mmap
import struct
from collections import Counter
from dataclasses import dataclass
from math import prod
from pathlib import Path

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
#: struct's letters for the types of metadata values; 8 is a text and 9 an array.
_SCALARS = dict(zip((0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12), "BbHhIif?Qqd", strict=True))
_TEXT, _ARRAY = 8, 9
_MOST_DIMENSIONS = 8
_DEFAULT_ALIGNMENT = 32

Scalar = int | float | bool | str


class GgufUnreadable(ValueError):
    """Raised when a file is not GGUF, or its end is missing; the text says which."""


@dataclass(frozen=True, slots=True)
class GgufTensor:
    """One entry of the tensor table."""

    name: str
    elements: int
    type_number: int  #: as in gguf.GGMLQuantizationType
    offset: int  #: from the beginning of the data


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """What a GGUF file says about itself."""

    metadata: dict[str, Scalar]  #: arrays are left out
    tensors: tuple[GgufTensor, ...]
    data_bytes: int  #: that follow the header

    @property
    def architecture(self) -> str:
        """The name by which llama.cpp knows the architecture; empty if the file does not say."""
        return str(self.metadata.get("general.architecture", ""))

    @property
    def max_tokens(self) -> int | None:
        """The longest text that the model was made for."""
        limit = self.metadata.get(f"{self.architecture}.context_length")
        return int(limit) if limit else None

    @property
    def main_type(self) -> int:
        """The type of most weights, of which there must be some."""
        counts: Counter[int] = Counter()
        for tensor in self.tensors:
            counts[tensor.type_number] += tensor.elements
        return counts.most_common(1)[0][0]


def read_header(path: Path) -> GgufHeader:
    """Return the header of a GGUF file.

    Raises:
        GgufUnreadable: it is not GGUF, of a version that is not read, or cut off in the header.
        OSError: it cannot be opened.
    """
    if path.stat().st_size == 0:
        raise GgufUnreadable("the file is empty")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data[:4] != _MAGIC:
            raise GgufUnreadable("it does not begin like a GGUF file")
        try:
            return _read(_Cursor(data, at=len(_MAGIC)), len(data))
        except (struct.error, UnicodeDecodeError, OverflowError) as exc:
            raise GgufUnreadable("its header is damaged or cut off") from exc


class _Cursor:
    """Walks over a mapped file."""

    def __init__(self, data: mmap.mmap, at: int) -> None:
        self._data = data
        self.at = at

    def take(self, layout: str) -> tuple[Scalar, ...]:
        values = struct.unpack_from(f"<{layout}", self._data, self.at)
        self.at += struct.calcsize(f"<{layout}")
        return values

    def take_number(self, layout: str) -> int:
        return int(self.take(layout)[0])

    def take_text(self) -> str:
        length = self.take_number("Q")
        self.skip(length)
        return self._data[self.at - length : self.at].decode("utf-8")

    def skip(self, size: int) -> None:
        if size > len(self._data) - self.at:
            raise struct.error("beyond the end of the file")
        self.at += size


def _read(cursor: _Cursor, file_bytes: int) -> GgufHeader:
    version = cursor.take_number("I")
    if version not in _VERSIONS:
        raise GgufUnreadable(f"it is GGUF of version {version}, and only 2 and 3 are read")
    tensor_count, entry_count = cursor.take_number("Q"), cursor.take_number("Q")
    metadata: dict[str, Scalar] = {}
    for _ in range(entry_count):
        key = cursor.take_text()
        value = _take_value(cursor, cursor.take_number("I"))
        if value is not None:
            metadata[key] = value
    tensors = tuple(_take_tensor(cursor) for _ in range(tensor_count))
    alignment = int(metadata.get("general.alignment", _DEFAULT_ALIGNMENT)) or 1
    begin = -(-cursor.at // alignment) * alignment
    return GgufHeader(metadata, tensors, file_bytes - begin)


def _take_value(cursor: _Cursor, kind: int) -> Scalar | None:
    if kind in _SCALARS:
        return cursor.take(_SCALARS[kind])[0]
    if kind == _TEXT:
        return cursor.take_text()
    if kind != _ARRAY:
        raise GgufUnreadable(f"its header has a value of the unknown type {kind}")
    _skip_array(cursor)
    return None


def _skip_array(cursor: _Cursor) -> None:
    kind, count = cursor.take_number("I"), cursor.take_number("Q")
    if kind in _SCALARS:
        cursor.skip(count * struct.calcsize(f"<{_SCALARS[kind]}"))
        return
    if kind != _TEXT:
        raise GgufUnreadable(f"its header has an array of the unknown type {kind}")
    for _ in range(count):
        cursor.skip(cursor.take_number("Q"))


def _take_tensor(cursor: _Cursor) -> GgufTensor:
    name = cursor.take_text()
    dimensions = cursor.take_number("I")
    if dimensions > _MOST_DIMENSIONS:
        raise GgufUnreadable(f"tensor {name!r} has {dimensions} dimensions")
    elements = prod(int(size) for size in cursor.take(f"{dimensions}Q"))
    type_number, offset = cursor.take_number("I"), cursor.take_number("Q")
    return GgufTensor(name, elements, type_number, offset)
