"""Base models for the tests: a few thousand random weights and a tokenizer trained on the spot."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from sqltune.local_lora.loaded_model import LoadedModel
from sqltune.local_lora.loading import load_base_model
from sqltune.local_lora.steps import Pair
from tests.local_lora.tiny_models import CORPUS, llama_config, save_tiny_model, train_tokenizer


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny products on two threads only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    return train_tokenizer(CORPUS)


@pytest.fixture(scope="session")
def llama_folder(tmp_path_factory: pytest.TempPathFactory, tokenizer: Any) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny-llama"
    save_tiny_model(llama_config(len(tokenizer)), tokenizer, folder)
    return folder


@pytest.fixture(scope="session")
def wide_llama_folder(tmp_path_factory: pytest.TempPathFactory, tokenizer: Any) -> Path:
    """A model wide enough to be certain of a token, and for quantised blocks of 64 weights."""
    folder = tmp_path_factory.mktemp("models") / "wide"
    shape = {"hidden_size": 256, "intermediate_size": 256, "num_attention_heads": 4}
    # Tied, the end mark could not be learnt: as padding its embedding is zero.
    config = llama_config(len(tokenizer), tie_word_embeddings=False, **shape)
    save_tiny_model(config, tokenizer, folder)
    return folder


@pytest.fixture
def llama(llama_folder: Path) -> LoadedModel:
    return load_base_model(str(llama_folder), allowed_folders=[llama_folder.parent])


@pytest.fixture
def pairs() -> list[Pair]:
    return [
        Pair("Who is Pavan?", "Pavan is a developer advocate at a database company."),
        Pair("What does Pavan do?", "Writes."),
        Pair("Name a colour.", "Blue, as the sky is.", weight=0.5),
        Pair("Where does he live?", "In a town by the sea.", system_prompt="Be short."),
    ]


@pytest.fixture
def file_size_limit() -> Callable[[int], AbstractContextManager[None]]:
    """The system refuses to let a file grow past a limit, as it does on a full disk."""

    @contextmanager
    def limit(size: int) -> Iterator[None]:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return limit
