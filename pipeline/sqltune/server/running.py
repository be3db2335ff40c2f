"""The server as a running thing: a socket, a thread for HTTP, and an end in good order."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from sqltune.errors import ConfigError
from sqltune.server.service import Service

logger = logging.getLogger(__name__)

_BACKLOG = 512
#: Longer than the pauses of a client that thinks: one that is cut off between two calls cannot know
#: whether its POST was worked on.
_KEEP_ALIVE_SECONDS = 75
#: For replies that are on their way when the server ends.
_GRACE_SECONDS = 5


@dataclass(frozen=True)
class Address:
    """Where the server listens."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """The base URL of the API."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/api"


def bind(host: str, port: int) -> socket.socket:
    """A socket that clients can connect to from now on.

    Args:
        host: name or address.
        port: 0 takes a free one.

    Raises:
        ConfigError: the address is taken, or none of this machine's.
    """
    try:
        family, *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {host}:{port}: {error.strerror or error}; choose another --host or "
            "--port"
        ) from error


@contextmanager
def running(app: ASGIApp, service: Service, listener: socket.socket) -> Iterator[Address]:
    """The server at work for as long as the block lasts."""
    host, port = listener.getsockname()[:2]
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        # What else is installed must not decide how the server speaks.
        http="h11",
        ws="none",
        loop="asyncio",
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        server_header=False,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(
        target=lambda: asyncio.run(server.serve(sockets=[listener])), name="http", daemon=True
    )
    thread.start()
    logger.info("listening on %s:%d", host, port, extra={"event": "serve_started"})
    try:
        yield Address(host, port)
    finally:
        # First the work, so that whoever waits for it gets an answer.
        service.stop()
        server.should_exit = True
        thread.join()
        logger.info("stopped", extra={"event": "serve_stopped"})


@contextmanager
def hold_folder(folder: Path) -> Iterator[None]:
    """Make sure that no other server works over these adapters.

    Raises:
        ConfigError: another one does.
    """
    import fcntl

    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ConfigError(
                f"another `sqltune serve` works over {folder}: stop it, or set SQLTUNE_ARTIFACTS "
                "to another folder"
            ) from error
        yield
    finally:
        os.close(handle)
