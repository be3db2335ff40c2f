"""A server of Gradient's API, for the tests of its clients."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving import ServerAtWork
from tests.tiny_server import serve_tiny_model


@pytest.fixture(scope="module")
def server(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerAtWork]:
    """The server with a tiny base model."""
    with serve_tiny_model(sqlite_template, tmp_path_factory.mktemp("server")) as server:
        yield server
