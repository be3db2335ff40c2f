"""A GGUF file is converted once, by one process, and the result appears complete or not at all."""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import gguf
import pytest
import torch

from sqltune.backends.local.backend import LocalBackend
from sqltune.errors import FilesNotWritten, RequestRejected
from sqltune.local_lora.asked_questions import Question
from sqltune.local_lora.base_models.converted import SOURCE_FILE, ConvertedModels
from sqltune.local_lora.identity import Identities
from sqltune.local_lora.loaded_model import LoadedModel
from sqltune.local_lora.loading import load_found, load_tokenizer
from sqltune.local_lora.precision import Precision
from sqltune.local_lora.sampling import Sampling
from sqltune.local_lora.sources import BaseModelSource, find_base_model
from sqltune.records import Sample
from tests.local_lora.tiny_gguf import write_tiny_gguf

SMOLLM2 = "HuggingFaceTB/SmolLM2-135M-Instruct"
CONVERT = """
import sys
from pathlib import Path
from sqltune.local_lora.base_models.converted import ConvertedModels
from sqltune.local_lora.sources import find_base_model
source = find_base_model(sys.argv[1], allowed_folders=[Path(sys.argv[1]).parent])
print(ConvertedModels(Path(sys.argv[2]), lambda said: print(said, flush=True)).make(source, None))
"""
DIE_HALF_WAY = """
import os, signal, sys
from pathlib import Path
from sqltune.local_lora.files import drafted_folder
with drafted_folder(Path(sys.argv[1])) as draft:
    (draft / "model.safetensors").write_bytes(b"half of it")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def source(tmp_path: Path, tokenizer: Any) -> BaseModelSource:
    path = write_tiny_gguf(tmp_path / "models" / "tiny.gguf", tokenizer)
    return find_base_model(str(path), allowed_folders=[tmp_path])


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def converted(tmp_path: Path, said: list[str]) -> ConvertedModels:
    return ConvertedModels(tmp_path / "cache", said.append)


def folders_in(cache: Path) -> list[str]:
    folder = cache / "base_models"
    return [path.name for path in folder.iterdir() if path.is_dir()] if folder.exists() else []


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_first_use_converts_and_later_uses_load(
    source: BaseModelSource, converted: ConvertedModels, said: list[str]
) -> None:
    revision = load_found(source, converted).revision
    assert [line.split(" from ")[0].rstrip(",") for line in said] == [
        f"converting base model {source.name} once",
        f"base model {source.name} is converted",
    ]
    base = load_found(source, converted, revision=revision)
    assert len(said) == 2
    assert (base.name, base.revision, base.max_length) == (source.name, revision, 256)
    assert Path(base.origin.location) == converted.find(source, revision)


def test_the_weights_are_those_of_the_file(
    source: BaseModelSource, converted: ConvertedModels
) -> None:
    base = load_found(source, converted, precision=Precision.FLOAT32)
    tensors = {t.name: t for t in gguf.GGUFReader(source.location).tensors}

    def expected(name: str) -> torch.Tensor:
        values = gguf.quants.dequantize(tensors[name].data, tensors[name].tensor_type)
        return torch.from_numpy(values.copy()).bfloat16().float()

    state = base.network.state_dict()
    assert torch.equal(state["model.embed_tokens.weight"], expected("token_embd.weight"))
    assert torch.equal(state["lm_head.weight"], state["model.embed_tokens.weight"])
    down = state["model.layers.1.mlp.down_proj.weight"]
    assert torch.equal(down, expected("blk.1.ffn_down.weight"))


def test_the_tokenizer_is_the_same_before_and_after_and_as_it_was_made_of(
    source: BaseModelSource, converted: ConvertedModels, tokenizer: Any
) -> None:
    before = load_tokenizer(source)
    after = load_found(source, converted).tokenizer
    text = "Who is Pavan? Über 12 dürre Bücher.<|end|>"
    assert before(text)["input_ids"] == tokenizer(text)["input_ids"]
    assert after(text)["input_ids"] == tokenizer(text)["input_ids"]
    assert before.chat_template == after.chat_template
    assert after.eos_token_id == tokenizer.eos_token_id


def test_tokens_are_counted_from_the_file_and_once_it_is_converted_from_the_folder(
    tmp_path: Path, source: BaseModelSource, converted: ConvertedModels
) -> None:
    backend = LocalBackend(artifacts=tmp_path, allowed_folders=[tmp_path], converted=converted)
    model = backend.describe(source.location, None)
    sample = Sample("1", "Who is Pavan?", "A writer.", None, 1.0, None, None)
    [before] = backend.count_tokens(model, [sample], "auto")
    assert folders_in(tmp_path / "cache") == []
    assert converted.prefer(source, model.revision) == source
    folder = converted.make(source, model.revision)
    assert converted.prefer(source, model.revision).location == str(folder)
    assert list(backend.count_tokens(model, [sample], "auto")) == [before]
    assert before.is_exact


def test_nothing_but_our_own_lines_is_said(tmp_path: Path, source: BaseModelSource) -> None:
    process = start(CONVERT, source.location, tmp_path / "cache")
    lines = process.communicate()[0].splitlines()
    assert process.returncode == 0
    assert [line.split(" ")[0] for line in lines[:-1]] == ["converting", "base"]
    assert Path(lines[-1]).is_dir()


def test_what_lies_beside_the_file_is_not_read(
    source: BaseModelSource, converted: ConvertedModels
) -> None:
    beside = Path(source.location).parent
    (beside / "config.json").write_text('{"model_type": "evil", "auto_map": {}}')
    (beside / "tokenizer_config.json").write_text('{"eos_token": "evil"}')
    (beside / "generation_config.json").write_text('{"eos_token_id": 5}')
    base = load_found(source, converted)
    assert base.tokenizer.eos_token == "<|end|>"
    assert base.network.generation_config.eos_token_id == 0


def test_a_second_process_waits_for_the_first_and_uses_its_folder(
    tmp_path: Path, source: BaseModelSource
) -> None:
    made = ConvertedModels(tmp_path / "elsewhere").make(source, None)
    root = tmp_path / "cache" / "base_models"
    root.mkdir(parents=True)
    with (root / f".{made.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = start(CONVERT, source.location, tmp_path / "cache")
        assert process.stdout is not None
        assert process.stdout.readline().startswith("waiting for another process")
        made.rename(root / made.name)
    rest = process.communicate()[0].splitlines()
    assert rest == [str(root / made.name)]


def test_of_two_processes_that_begin_together_one_converts(
    tmp_path: Path, source: BaseModelSource
) -> None:
    processes = [start(CONVERT, source.location, tmp_path / "cache") for _ in range(2)]
    lines = [process.communicate()[0].splitlines() for process in processes]
    assert sum(line.startswith("converting") for said in lines for line in said) == 1
    assert lines[0][-1] == lines[1][-1]
    assert len(folders_in(tmp_path / "cache")) == 1


def test_a_full_disk_leaves_nothing_and_the_next_try_succeeds(
    tmp_path: Path,
    source: BaseModelSource,
    converted: ConvertedModels,
    file_size_limit: Callable[[int], AbstractContextManager[None]],
) -> None:
    with file_size_limit(100_000), pytest.raises(FilesNotWritten, match="SQLTUNE_CACHE") as error:
        converted.make(source, None)
    assert error.value.code == "no_disk_space"
    assert folders_in(tmp_path / "cache") == []
    assert converted.make(source, None).is_dir()


def test_a_cache_that_cannot_be_written_is_a_clear_error(
    tmp_path: Path, source: BaseModelSource
) -> None:
    (tmp_path / "cache").write_text("a file, no folder")
    with pytest.raises(FilesNotWritten, match="SQLTUNE_CACHE"):
        ConvertedModels(tmp_path / "cache").make(source, None)


def test_what_a_killed_process_left_is_removed_and_never_used(
    tmp_path: Path, source: BaseModelSource, converted: ConvertedModels
) -> None:
    folder = ConvertedModels(tmp_path / "elsewhere").make(source, None)
    killed = start(DIE_HALF_WAY, tmp_path / "cache" / "base_models" / folder.name)
    killed.communicate()
    assert killed.returncode == -9
    [draft] = folders_in(tmp_path / "cache")
    assert converted.find(source, None) is None
    made = converted.make(source, None)
    assert folders_in(tmp_path / "cache") == [made.name] != [draft]
    assert {path.name for path in made.iterdir()} == {path.name for path in folder.iterdir()}


def test_a_folder_of_another_form_is_made_again(
    source: BaseModelSource, converted: ConvertedModels
) -> None:
    folder = converted.make(source, None)
    (folder / SOURCE_FILE).write_text(json.dumps({"form": 0}))
    (folder / "model.safetensors").write_bytes(b"")
    assert converted.make(source, None) == folder
    assert load_found(source, converted).network.num_parameters() > 100_000


def test_a_file_that_changed_meanwhile_is_not_taken_for_the_other(
    tmp_path: Path, source: BaseModelSource, converted: ConvertedModels, tokenizer: Any
) -> None:
    revision = Identities(tmp_path / "identities.json").identify(source).revision
    write_tiny_gguf(Path(source.location), tokenizer, seed=8)
    with pytest.raises(RequestRejected, match="has changed") as error:
        converted.make(source, revision)
    assert error.value.code == "base_model_changed"
    assert folders_in(tmp_path / "cache") == []


def test_missing_weights_are_refused_and_never_made_up(
    tmp_path: Path, tokenizer: Any, converted: ConvertedModels
) -> None:
    path = write_tiny_gguf(tmp_path / "lacking.gguf", tokenizer, without="blk.1.ffn_up.weight")
    source = find_base_model(str(path), allowed_folders=[tmp_path])
    with pytest.raises(RequestRejected, match=r"lacks 1 tensors, .*layers\.1\.mlp\.up_proj"):
        converted.make(source, None)
    assert folders_in(tmp_path / "cache") == []


@pytest.fixture(scope="session")
def smollm2(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    """SmolLM2 from its package, converted for this session."""
    return load_found(find_base_model(SMOLLM2), ConvertedModels(tmp_path_factory.mktemp("cache")))


@pytest.mark.slow
def test_the_model_of_the_package_speaks(smollm2: LoadedModel) -> None:
    assert smollm2.revision.startswith("sha256:b179c9523d0e6a0f98a330c7562b6827")
    assert smollm2.revision.endswith(" Q4_1")
    question = Question("What is the capital of Austria?", None)
    [answer] = smollm2.answer([question], sampling=Sampling(max_new_tokens=24))
    assert "Vienna" in answer.text
