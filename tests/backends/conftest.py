"""A server of Gradient's API over a tiny base model, for the tests of who speaks to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import copy_sqlite
from tests.serving import SLUG, ServerAtWork, start_server
from tests.singlestore_on_mariadb import open_database


@pytest.fixture(scope="module")
def server(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerAtWork]:
    """The server, with a database and a folder of its own."""
    # Imported here: only this fixture needs torch.
    from tests.local_lora.tiny_models import CORPUS, llama_config, save_tiny_model, train_tokenizer

    folder = tmp_path_factory.mktemp("server")
    tokenizer = train_tokenizer(CORPUS)
    save_tiny_model(llama_config(len(tokenizer)), tokenizer, folder / "tiny-llama")
    database = open_database(copy_sqlite(sqlite_template, folder))
    models = {SLUG: str(folder / "tiny-llama")}
    with start_server(database, folder / "artifacts", models) as server:
        yield server
    database.close()
