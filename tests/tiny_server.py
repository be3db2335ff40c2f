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
    """Run the server with a separate database, in an empty folder.

    Args:
        sqlite_template: a migrated SQLite database to copy.
        folder: an empty one.
    """
    # Imported here: tests that only name the fixture do not need torch.
    from tests.local_lora.tiny_models import save_tiny_llama

    model = save_tiny_llama(folder / "tiny-llama")
    database = open_database(copy_sqlite(sqlite_template, folder))
    with start_server(database, folder / "artifacts", {SLUG: str(model)}) as server:
        yield server
    database.close()
