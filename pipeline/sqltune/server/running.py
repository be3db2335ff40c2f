"""The running server: a socket, a thread for HTTP, and an orderly shutdown."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn
from starlette.types import ASGIApp

from sqltune.errors import ConfigError
from sqltune.server.service import Service

logger = logging.getLogger(__name__)

_BACKLOG = 512
#: Longer than a client usually waits between two calls: one whose connection is closed just as it
#: sends a POST cannot know whether the POST was processed.
_KEEP_ALIVE_SECONDS = 75
#: For replies that are being sent when the server ends.
_GRACE_SECONDS = 5


@dataclass(frozen=True)
class ListenAddress:
    """Where the server listens."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """The base URL of the API."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/api"


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that clients can connect to from now on.

    Args:
        host: name or address.
        port: 0 chooses a free one.

    Raises:
        ConfigError: the address is in use, or not one of this machine's.
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
def running(app: ASGIApp, service: Service, listener: socket.socket) -> Iterator[ListenAddress]:
    """Run the server for the duration of the block."""
    host, port = listener.getsockname()[:2]
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        # Other installed packages must not decide which protocol implementations are used.
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
    logger.info("the server listens on %s:%d", host, port, extra={"event": "serve_started"})
    try:
        yield ListenAddress(host, port)
    finally:
        # First the calls, so that every waiting client gets a reply.
        service.stop()
        server.should_exit = True
        thread.join()
        logger.info("the server has stopped", extra={"event": "serve_stopped"})
