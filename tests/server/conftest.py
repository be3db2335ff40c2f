"""A server over a tiny base model, shared by the tests of a file, and a client of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.databases import copy_sqlite
from tests.end_to_end.command import People
from tests.local_lora.tiny_models import save_tiny_llama
from tests.server.tuned import Tuned, train_versions
from tests.serving import SLUG, ServerAtWork, start_server
from tests.singlestore_on_mariadb import open_database
from tests.small_model import SMALL_MODEL


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


@pytest.fixture(scope="session")
def trained_folder(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a database and artifacts, in which `sync` trained the adapters of `tuned`."""
    folder = tmp_path_factory.mktemp("trained")
    train_versions(copy_sqlite(sqlite_template, folder), folder / "artifacts")
    return folder


@pytest.fixture(scope="module")
def tuned(trained_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tuned]:
    """A server over the small model that answers with the adapters of `sync`."""
    (template,) = trained_folder.glob("*.db")
    url = copy_sqlite(template, tmp_path_factory.mktemp("tuned"))
    database, people = open_database(url), People(url)
    models = {SLUG: str(SMALL_MODEL)}
    with start_server(
        database, trained_folder / "artifacts", models, threads=1, serve_queue=15
    ) as server:
        yield Tuned(server, people)
    people.close()
    database.close()


@pytest.fixture
def openai(tuned: Tuned) -> Iterator[httpx.Client]:
    """Speaks OpenAI's API to the server of `tuned`, whose live versions are as they were."""
    tuned.promote(1)
    with tuned.client() as client:
        yield client
