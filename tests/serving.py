"""The real local server on a free port of this machine, over a small base model.

`start_server` runs it in this process, as the counterpart of any client of Gradient's API.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import httpx

from sqltune.database.connection import Database
from sqltune.server.building import open_server
from sqltune.settings import Settings

TOKEN = "a-token-of-the-tests"
WORKSPACE = "5b3d_workspace"
SLUG = "nous-hermes2"


@dataclass(frozen=True)
class ServerAtWork:
    """A running server, and what a client must know of it."""

    #: With `/api` at its end.
    base_url: str
    token: str
    workspace: str
    #: The tables that it writes.
    database: Database
    #: Its SQLTUNE_ARTIFACTS.
    artifacts: Path

    @property
    def headers(self) -> dict[str, str]:
        """The headers that every call needs."""
        return {"authorization": f"Bearer {self.token}", "x-gradient-workspace-id": self.workspace}

    @contextmanager
    def client(self, timeout: float | None = 120) -> Iterator[httpx.Client]:
        """Open an HTTP client with the right headers."""
        with httpx.Client(
            base_url=self.base_url, headers=self.headers, trust_env=False, timeout=timeout
        ) as client:
            yield client

    def begin_post(self, path: str, body: bytes, length: int | None = None) -> socket.socket:
        """Send a POST below `/api`, or only the beginning of its body; return the open socket."""
        url = httpx.URL(self.base_url)
        headers = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        head = f"POST /api{path} HTTP/1.1\r\nhost: {url.host}:{url.port}\r\n{headers}"
        head += f"content-length: {length or len(body)}\r\n\r\n"
        client = socket.create_connection((url.host, url.port or 80), timeout=60)
        client.sendall(head.encode() + body)
        return client


@contextmanager
def start_server(
    database: Database,
    artifacts: Path,
    models: Mapping[str, str],
    *,
    rng: Random | None = None,
    rehearses: bool = False,
    **settings: Any,
) -> Iterator[ServerAtWork]:
    """Run the server for the duration of the block.

    Args:
        database: a migrated one.
        artifacts: an empty folder, or that of an earlier server.
        models: slug and base model, for instance {"nous-hermes2": "/models/tiny"}.
        rng: makes ids and seeds; None: a new one.
        rehearses: as in Settings, but off: most tests compare what a call trains of its samples.
        settings: those that differ from the defaults.
    """
    chosen = replace(
        Settings(serve_port=0, serve_token=TOKEN, artifacts=artifacts),
        serve_models=tuple(models.items()),
        serve_rehearsal=rehearses,
        **settings,
    )
    with open_server(
        chosen,
        database,
        artifacts / "served",
        now=utc_now,
        rng=rng or Random(0),
        say=lambda _: None,
    ) as address:
        yield ServerAtWork(address.url, TOKEN, WORKSPACE, database, artifacts)


def utc_now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
