"""Writes a base model that came from a GGUF file, and an adapter, as one GGUF file in F16.

What transformers does not keep of the base model's file, such as the tokenizer as llama.cpp reads
it, is copied from there; so is the order of the tensors. The format:
https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from gguf import GGUFValueType

from sqltune.errors import RequestRejected
from sqltune.local_lora.base_models.gguf_support import describe_gguf
from sqltune.local_lora.files import drafted_file
from sqltune.local_lora.loaded_model import LoadedModel
from sqltune.local_lora.merging import merge_weights
from sqltune.local_lora.sources import BaseModelSource, Place

#: llama.cpp orders the rows of their queries and keys in another way than transformers.
_REORDERED = frozenset({"llama"})
#: Those whose weights are otherwise the same in both.
_ARCHITECTURES = _REORDERED | {"qwen2", "qwen3"}
#: Scales of the positions, which transformers keeps in its configuration.
_ONLY_IN_FILES = frozenset({"rope_freqs.weight"})
_CURE = "use --merged FOLDER, and convert that folder with llama.cpp's convert_hf_to_gguf.py"


def require_gguf_source(source: BaseModelSource) -> None:
    """Require that a model tuned from this base model can be written as GGUF.

    Raises:
        RequestRejected: the base model is no GGUF file, or of another architecture.
    """
    if source.place is not Place.GGUF:
        raise _refused(
            f"base model {source.name!r} did not come from a GGUF file, of which metadata and "
            "tokenizer would be copied"
        )
    architecture = describe_gguf(source.name, Path(source.location)).architecture
    if architecture not in _ARCHITECTURES:
        raise _refused(
            f"base model {source.name!r} is of the architecture {architecture!r}, and only "
            f"{', '.join(sorted(_ARCHITECTURES))} are written as GGUF"
        )


def write_gguf(base: LoadedModel, adapter: str, source: Path, file: Path) -> None:
    """Write the merged model as GGUF; the base model must not be used afterwards.

    Matrices are in F16, all else in F32. The metadata is that of the base model's file except
    `general.name`, which is the new file's, `general.file_type`, and what says how the base
    model's weights were quantised.

    Args:
        base: loaded in float32, so that small changes are added exactly.
        adapter: name of an adapter in memory.
        source: the base model's file, for which `require_gguf_source` passed.
        file: where to.

    Raises:
        RequestRejected: the file has a tensor that transformers does not, or a number is too large
            for F16.
        FilesNotWritten: the file cannot be written, for instance because the disk is full.
    """
    reader = gguf.GGUFReader(source)
    architecture = str(reader.fields["general.architecture"].contents())
    weights = _Weights(merge_weights(base, adapter), architecture)
    weights.require(reader)
    with drafted_file(file, setting="--gguf") as draft, _writer(draft, architecture) as writer:
        _copy_metadata(reader, writer, file.stem)
        for tensor in reader.tensors:
            shape, dtype = _shape_of(tensor), _dtype_of(tensor)
            size = int(np.prod(shape)) * dtype.itemsize
            writer.add_tensor_info(tensor.name, shape, dtype, size)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for tensor in reader.tensors:
            _write_tensor(writer, weights.read(tensor))


class _Weights:
    """The weights of a network, by their names in GGUF files and in the form they have there."""

    def __init__(self, network: Any, architecture: str) -> None:
        self._config = network.config
        self._is_reordered = architecture in _REORDERED
        kinds = {name: kind for kind, name in gguf.MODEL_ARCH_NAMES.items()}
        names = gguf.get_tensor_name_map(kinds[architecture], self._config.num_hidden_layers)
        self._values: dict[str | None, torch.Tensor] = {
            names.get_name(name, (".weight", ".bias")): values
            for name, values in network.state_dict().items()
        }

    def require(self, reader: gguf.GGUFReader) -> None:
        """Require that every tensor of the file is known."""
        for tensor in reader.tensors:
            if tensor.name not in self._values and tensor.name not in _ONLY_IN_FILES:
                raise _refused(f"transformers has no counterpart of the tensor {tensor.name!r}")

    def read(self, tensor: gguf.ReaderTensor) -> np.ndarray[Any, Any]:
        """Return the values of one tensor of the base model's file."""
        if tensor.name in self._values:
            values = self._values[tensor.name].float().numpy()
            if self._is_reordered and (".attn_q." in tensor.name or ".attn_k." in tensor.name):
                values = self._reorder(values, ".attn_q." in tensor.name)
        else:
            values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        with np.errstate(over="ignore"):
            written = values.reshape(_shape_of(tensor)).astype(_dtype_of(tensor), order="C")
        if not np.isfinite(written).all():
            raise _refused(f"the tensor {tensor.name!r} has numbers that are too large for F16")
        return written

    def _reorder(self, values: np.ndarray[Any, Any], is_query: bool) -> np.ndarray[Any, Any]:
        """Undo what transformers does to the rows when it reads a file: halves to pairs."""
        config = self._config
        heads = config.num_attention_heads if is_query else config.num_key_value_heads
        halves = values.reshape(heads, 2, -1, *values.shape[1:])
        return halves.swapaxes(1, 2).reshape(values.shape)


@contextmanager
def _writer(draft: Path, architecture: str) -> Iterator[gguf.GGUFWriter]:
    writer = gguf.GGUFWriter(draft, architecture)
    try:
        yield writer
    except BaseException:
        # On a full disk, closing fails as writing did.
        with suppress(OSError):
            writer.close()
        raise
    writer.close()


def _copy_metadata(reader: gguf.GGUFReader, writer: gguf.GGUFWriter, name: str) -> None:
    writer.data_alignment = int(reader.alignment)
    for key, field in reader.fields.items():
        if _is_copied(key) and field.data:
            sub_type = field.types[-1] if field.types[0] is GGUFValueType.ARRAY else None
            writer.add_key_value(key, _content_of(field), field.types[0], sub_type)
    writer.add_name(name)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)


def _is_copied(key: str) -> bool:
    # The writer itself adds the architecture.
    own = {"general.architecture", "general.name", "general.file_type"}
    of_quantization = ("general.quantiz", "quantize.")
    return key not in own and not key.startswith(("GGUF.", *of_quantization))


def _content_of(field: gguf.ReaderField) -> Any:
    """Return the value, texts as bytes: a token need not be text in UTF-8."""
    if field.types[-1] is not GGUFValueType.STRING:
        return field.contents()
    texts = [field.parts[index].tobytes() for index in field.data]
    return texts if field.types[0] is GGUFValueType.ARRAY else texts[0]


def _shape_of(tensor: gguf.ReaderTensor) -> tuple[int, ...]:
    # Files name the shortest stride first.
    return tuple(int(size) for size in reversed(tensor.shape))


def _dtype_of(tensor: gguf.ReaderTensor) -> np.dtype[Any]:
    return np.dtype(np.float32 if len(tensor.shape) == 1 else np.float16)


def _write_tensor(writer: gguf.GGUFWriter, values: np.ndarray[Any, Any]) -> None:
    # gguf writes with numpy's tofile, which hides why writing failed.
    for out in writer.fout or ():
        writer.write_padding(out, out.tell())
        out.write(values.data)
        writer.write_padding(out, values.nbytes)


def _refused(reason: str) -> RequestRejected:
    return RequestRejected(f"{reason}; {_CURE}", code="gguf_not_written")
