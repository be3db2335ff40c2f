"""A running port: a socket, a thread for HTTP, limits for its clients, and an orderly shutdown."""

from __future__ import annotations

import asyncio
import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial

import uvicorn
from starlette.types import ASGIApp

from sqltune.errors import ConfigError
from sqltune.server.connections import Connection, Limits, accept_clients

_BACKLOG = 512
#: Connections at once where the process may open enough files.
_MOST_CONNECTIONS = 512
_TICKS_PER_SECOND = 10
#: For replies that are being sent when the server ends.
_GRACE_SECONDS = 5


@dataclass(frozen=True)
class ListenAddress:
    """Where the server listens."""

    host: str
    port: int

    @property
    def root(self) -> str:
        """The URL of the port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def url(self) -> str:
        """The base URL of Gradient's API."""
        return f"{self.root}/api"

    @property
    def openai_url(self) -> str:
        """The base URL of OpenAI's API."""
        return f"{self.root}/v1"


def bind(host: str, port: int, cure: str = "choose another --host or --port") -> socket.socket:
    """Return a socket that clients can connect to from now on.

    Args:
        host: name or address.
        port: 0 chooses a free one.
        cure: what to do where the address cannot be used.

    Raises:
        ConfigError: the address is in use, or not one of this machine's.
    """
    try:
        family, *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {host}:{port}: {error.strerror or error}; {cure}"
        ) from error


def most_connections(share: float = 0.5) -> int:
    """Return how many connections a port may have: a share of the files that we may open."""
    with suppress(ImportError):  # of Unix alone
        import resource

        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if files != resource.RLIM_INFINITY:
            return max(4, min(_MOST_CONNECTIONS, int(files * share)))
    return _MOST_CONNECTIONS


@contextmanager
def running(
    app: ASGIApp,
    listener: socket.socket,
    limits: Limits,
    *,
    seconds: Callable[[], float] = time.monotonic,
) -> Iterator[ListenAddress]:
    """Answer the clients of a port for the duration of the block.

    Args:
        app: answers calls.
        listener: from `bind`; closed at the end.
        limits: of the clients.
        seconds: a clock that never goes back, by which the limits are measured.
    """
    host, port = listener.getsockname()[:2]
    server = _Server(app, listener, limits, seconds)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), name="http", daemon=True)
    thread.start()
    try:
        yield ListenAddress(host, port)
    finally:
        server.should_exit = True
        thread.join()


class _Server(uvicorn.Server):
    """uvicorn's, with connections that have limits."""

    def __init__(
        self,
        app: ASGIApp,
        listener: socket.socket,
        limits: Limits,
        seconds: Callable[[], float],
    ) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            # A line for each call that is not HTTP would let clients fill the log.
            log_level="error",
            access_log=False,
            lifespan="off",
            ws="none",
            loop="asyncio",
            timeout_keep_alive=int(limits.idle_seconds),
            timeout_graceful_shutdown=_GRACE_SECONDS,
            server_header=False,
        )
        super().__init__(config)
        self._listener = listener
        self._limits = limits
        self._make = partial(
            Connection,
            limits,
            seconds,
            itertools.count(),
            config=config,
            server_state=self.server_state,
            app_state={},
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=[])
        open_connections = self.server_state.connections
        self._accepting = asyncio.create_task(
            accept_clients(self._listener, open_connections, self._limits.connections, self._make)
        )

    async def on_tick(self, counter: int) -> bool:
        if counter % _TICKS_PER_SECOND == 0:
            for connection in list(self.server_state.connections):
                if isinstance(connection, Connection):
                    connection.look()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._accepting.cancel()
        await super().shutdown(sockets=[self._listener])
