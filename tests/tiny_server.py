"""A server of Gradient's API over a tiny base model of random weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.databases import copy_sqlite
from tests.serving import SLUG, ServerAtWork, start_server
from tests.singlestore_on_mariadb import open_database


@contextmanager
def serve_tiny_model(sqlite_template: Path, folder: Path) -> Iterator[ServerAtWork]:
    """Run the server with a database and a folder of its own.

    Args:
        sqlite_template: a migrated SQLite database to copy.
        folder: an empty one.
    """
    # Imported here: whoever only names the fixture does not need torch.
    from tests.local_lora.tiny_models import CORPUS, llama_config, save_tiny_model, train_tokenizer

    tokenizer = train_tokenizer(CORPUS)
    save_tiny_model(llama_config(len(tokenizer)), tokenizer, folder / "tiny-llama")
    database = open_database(copy_sqlite(sqlite_template, folder))
    models = {SLUG: str(folder / "tiny-llama")}
    with start_server(database, folder / "artifacts", models) as server:
        yield server
    database.close()
