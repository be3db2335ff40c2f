"""A server over a tiny base model, shared by the tests of a file, and a client of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.databases import copy_sqlite
from tests.local_lora.tiny_models import save_tiny_llama
from tests.serving import SLUG, ServerAtWork, start_server
from tests.singlestore_on_mariadb import open_database


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a base model of a few thousand random weights."""
    return save_tiny_llama(tmp_path_factory.mktemp("models") / "tiny-llama")


@pytest.fixture(scope="module")
def server(
    tiny_model: Path, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerAtWork]:
    """A server over the tiny base model."""
    folder = tmp_path_factory.mktemp("server")
    database = open_database(copy_sqlite(sqlite_template, folder))
    with start_server(database, folder / "artifacts", {SLUG: str(tiny_model)}) as server:
        yield server
    database.close()


@pytest.fixture
def client(server: ServerAtWork) -> Iterator[httpx.Client]:
    """Speaks to the server with the right headers."""
    with server.client() as client:
        yield client
