"""A base model of a GGUF file and an adapter are written as one GGUF file."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

from sqltune.errors import FilesNotWritten, RequestRejected
from sqltune.local_lora.base_models.converted import ConvertedModels
from sqltune.local_lora.gguf_writing import require_gguf_source, write_gguf
from sqltune.local_lora.loading import load_found
from sqltune.local_lora.lora_options import LoraOptions
from sqltune.local_lora.precision import Precision
from sqltune.local_lora.sources import find_base_model
from sqltune.local_lora.steps import Pair
from sqltune.local_lora.training import LoraTrainer
from tests.local_lora.tiny_gguf import write_tiny_gguf

IDS = torch.tensor([[5, 6, 7, 8]])
CURE = "use --merged FOLDER, and convert"
#: Those that are the file's own.
OWN = {"general.name", "general.file_type"}


class Tuned:
    """A base model of a GGUF file with an adapter in memory."""

    def __init__(self, folder: Path, path: Path, pairs: list[Pair]) -> None:
        self.path = path
        source = find_base_model(str(path), allowed_folders=[path.parent])
        require_gguf_source(source)
        cache = ConvertedModels(folder / "cache")
        self.base = load_found(source, cache, precision=Precision.FLOAT32)
        self.before = self._logits(None)
        trainer = LoraTrainer(self.base, LoraOptions(rank=4, learning_rate=1e-2), 5)
        for _ in range(5):
            trainer.step(pairs)
        trainer.save(folder / "adapter")
        trainer.close()
        self.base.load_adapter(folder / "adapter", "tuned")
        self.after = self._logits("tuned")

    def write(self, file: Path) -> Path:
        write_gguf(self.base, "tuned", self.path, file)
        return file

    def _logits(self, adapter: str | None) -> torch.Tensor:
        with self.base.active(adapter), torch.no_grad():
            logits: torch.Tensor = self.base.network(IDS).logits
        return logits


@pytest.fixture
def tune(tmp_path: Path, tokenizer: Any, pairs: list[Pair]) -> Callable[..., Tuned]:
    def tune_it(**options: Any) -> Tuned:
        path = write_tiny_gguf(tmp_path / "models" / "tiny.gguf", tokenizer, **options)
        return Tuned(tmp_path, path, pairs)

    return tune_it


def load(file: Path) -> Any:
    loader: Any = AutoModelForCausalLM
    return loader.from_pretrained(
        file.parent,
        gguf_file=file.name,
        dtype=torch.float32,
        quantization_config=GgufConfig(file.name, dequantize=True),
    )


def metadata(path: Path) -> dict[str, Any]:
    fields = gguf.GGUFReader(path).fields
    return {
        key: (field.types, field.contents())
        for key, field in fields.items()
        if not key.startswith("GGUF.")
    }


@pytest.mark.parametrize("architecture", ["llama", "qwen2", "qwen3"])
def test_transformers_loads_the_file_and_answers_as_the_adapter_does(
    tune: Callable[..., Tuned], tmp_path: Path, architecture: str
) -> None:
    tuned = tune(architecture=architecture)
    model = load(tuned.write(tmp_path / "out" / "tuned.gguf"))
    with torch.no_grad():
        torch.testing.assert_close(model(IDS).logits, tuned.after, rtol=1e-2, atol=2e-2)
    assert (tuned.after - tuned.before).abs().max() > 0.5


def test_metadata_tokenizer_and_tensors_are_those_of_the_base_models_file(
    tune: Callable[..., Tuned], tmp_path: Path
) -> None:
    tuned = tune()
    file = tuned.write(tmp_path / "out" / "tuned.gguf")
    before, after = metadata(tuned.path), metadata(file)
    assert {k: v for k, v in after.items() if k not in OWN} == {
        k: v for k, v in before.items() if k not in OWN
    }
    assert after["general.name"][1] == "tuned"
    assert after["general.file_type"][1] == gguf.LlamaFileType.MOSTLY_F16
    old, new = gguf.GGUFReader(tuned.path).tensors, gguf.GGUFReader(file).tensors
    assert [(t.name, t.shape.tolist()) for t in new] == [(t.name, t.shape.tolist()) for t in old]
    assert {(len(t.shape), t.tensor_type.name) for t in new} == {(1, "F32"), (2, "F16")}
    (embedding,) = [t for t in new if t.name == "token_embd.weight"]
    # Not tuned, so it is as it was, but for its rounding to bf16.
    unpacked = gguf.quants.dequantize(old[0].data, old[0].tensor_type)
    np.testing.assert_allclose(embedding.data, unpacked, rtol=2**-8, atol=1e-6)
    loader: Any = AutoTokenizer
    tokenizer = loader.from_pretrained(file.parent, gguf_file=file.name)
    assert tokenizer("Who is he?").input_ids == tuned.base.tokenizer("Who is he?").input_ids
    assert tokenizer.chat_template == tuned.base.tokenizer.chat_template


def add_tensor(path: Path, name: str) -> None:
    """Add a vector to the tensors of a GGUF file, of whose metadata nothing is kept."""
    reader = gguf.GGUFReader(path)
    draft = path.with_suffix(".draft")
    writer = gguf.GGUFWriter(draft, "llama")
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.add_tensor(name, np.full(16, 2.5, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    draft.replace(path)


def test_a_full_disk_leaves_no_half_file(
    tune: Callable[..., Tuned],
    tmp_path: Path,
    file_size_limit: Callable[[int], AbstractContextManager[None]],
) -> None:
    tuned = tune()
    file = tmp_path / "out" / "tuned.gguf"
    with file_size_limit(300_000), pytest.raises(FilesNotWritten, match="no disk space"):
        tuned.write(file)
    assert list(file.parent.iterdir()) == []


def test_numbers_too_large_for_the_format_are_refused(
    tune: Callable[..., Tuned], tmp_path: Path
) -> None:
    tuned = tune()
    tuned.base.network.get_input_embeddings().weight.data[0, 0] = 1e6
    file = tmp_path / "out" / "tuned.gguf"
    with pytest.raises(RequestRejected, match=r"'token_embd.weight' has numbers.* too large"):
        tuned.write(file)
    assert list(file.parent.iterdir()) == []


def test_scales_of_positions_are_copied_and_other_unknown_tensors_refused(
    tune: Callable[..., Tuned], tmp_path: Path
) -> None:
    tuned = tune()
    add_tensor(tuned.path, "rope_freqs.weight")
    file = tuned.write(tmp_path / "out" / "tuned.gguf")
    (scales,) = [t for t in gguf.GGUFReader(file).tensors if t.name == "rope_freqs.weight"]
    assert scales.data.tolist() == [2.5] * 16
    tuned = tune()
    add_tensor(tuned.path, "blk.0.ffn_gate_exps.weight")
    with pytest.raises(RequestRejected, match=r"no counterpart of .*ffn_gate_exps"):
        write_gguf(tuned.base, "tuned", tuned.path, tmp_path / "other.gguf")
    assert not (tmp_path / "other.gguf").exists()


def test_other_base_models_are_refused_with_a_cure(
    tmp_path: Path, tokenizer: Any, llama_folder: Path
) -> None:
    folder = find_base_model(str(llama_folder), allowed_folders=[llama_folder.parent])
    with pytest.raises(RequestRejected, match=rf"did not come from a GGUF file.*{CURE}"):
        require_gguf_source(folder)
    path = write_tiny_gguf(tmp_path / "gemma.gguf", tokenizer, architecture="gemma2")
    with pytest.raises(RequestRejected, match=rf"'gemma2', and only llama.*{CURE}"):
        require_gguf_source(find_base_model(str(path), allowed_folders=[tmp_path]))
