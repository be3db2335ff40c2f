"""Connections to one service: kept open for reads, new for each write.

httpx's transports are used without its client: the client's handling of headers, redirects and
cookies costs more per request than everything else, and none of it is needed here.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from queue import LifoQueue
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from sqltune.backends.gradient.account import URL, GradientAccount
from sqltune.backends.gradient.errors import CLOSED, raise_refusal, translate_errors
from sqltune.errors import BackendUnavailable
from sqltune.http_replies import read_body

CONNECT_SECONDS = 10.0
#: Less than the five seconds after which uvicorn, for example, closes an idle connection.
IDLE_SECONDS = 3.0


class GradientHttp:
    """Sends requests to one service with one account; may be used by many threads.

    Args:
        account: the service and the credentials for it.
        slots: prompts that are sent at a time, each over its own connection: a pool shared by many
            threads spends most of its time on searching for a free one.
    """

    def __init__(self, account: GradientAccount, *, slots: int) -> None:
        self._account = account
        self._is_closed = threading.Event()
        ssl_context = httpx.create_ssl_context()

        def open_transport(*, kept: int) -> httpx.HTTPTransport:
            limits = httpx.Limits(max_keepalive_connections=kept, keepalive_expiry=IDLE_SECONDS)
            return httpx.HTTPTransport(
                verify=ssl_context, limits=limits, proxy=_find_proxy(account)
            )

        self._reads = open_transport(kept=2)
        # A write over a kept connection that the service has just closed looks like a lost reply.
        self._writes = open_transport(kept=0)
        self._slots = [open_transport(kept=1) for _ in range(slots)]
        self._free_slots: LifoQueue[httpx.HTTPTransport] = LifoQueue()
        for slot in self._slots:
            self._free_slots.put(slot)
        self._headers = httpx.Headers(
            {
                "Host": urlsplit(account.url).netloc,
                "x-gradient-workspace-id": account.workspace_id,
                "Accept": "application/json",
                "Accept-Encoding": "identity",
                "User-Agent": "sqltune",
                "Authorization": f"Bearer {account.access_token}",
            }
        )
        self._url = lru_cache(maxsize=64)(lambda path: httpx.URL(account.url + path))

    def read(self, method: str, path: str, *, seconds: float) -> bytes:
        """Send a request without a body over a kept connection; return the body of the reply."""
        return self._send(self._reads, method, path, None, seconds)

    def ask(self, path: str, body: bytes, *, seconds: float) -> bytes:
        """Post a request that changes nothing, over the connection of a free slot."""
        with self._slot() as slot:
            return self._send(slot, "POST", path, body, seconds)

    def write(self, path: str, body: bytes, *, seconds: float) -> bytes:
        """Post a request that changes something at the service, over a new connection."""
        return self._send(self._writes, "POST", path, body, seconds)

    def close(self) -> None:
        """Close all connections; no request is sent after that."""
        self._is_closed.set()
        for transport in (self._reads, self._writes, *self._slots):
            transport.close()

    @contextmanager
    def _slot(self) -> Iterator[httpx.HTTPTransport]:
        slot = self._free_slots.get()
        try:
            yield slot
        finally:
            self._free_slots.put(slot)

    def _send(
        self,
        transport: httpx.HTTPTransport,
        method: str,
        path: str,
        body: bytes | None,
        seconds: float,
    ) -> bytes:
        headers = self._headers.copy()
        if body is not None:
            headers["Content-Type"] = "application/json"
        request = httpx.Request(
            method,
            self._url(path),
            headers=headers,
            content=body,
            extensions={"timeout": _limits(seconds)},
        )
        if self._is_closed.is_set():  # httpx would open a new connection
            raise BackendUnavailable(CLOSED)
        with translate_errors(self._account):
            reply = transport.handle_request(request)
            try:
                cure = f"set {URL}, now {self._account.url}, to a service of Gradient's API"
                content = read_body(reply, deadline=time.monotonic() + seconds, cure=cure)
            finally:
                reply.close()
            if self._is_closed.is_set():  # opened during `close`, so not closed with its pool
                reply.extensions["network_stream"].close()
        if reply.status_code != httpx.codes.OK:
            raise_refusal(self._account, reply, content)
        return content


def _limits(seconds: float) -> dict[str, float | None]:
    return {"connect": CONNECT_SECONDS, "read": seconds, "write": seconds, "pool": None}


def _find_proxy(account: GradientAccount) -> str | None:
    """Return the proxy of the environment; None: there is none, or the service is local."""
    parts = urlsplit(account.url)
    if account.is_loopback or proxy_bypass(parts.hostname or ""):
        return None
    return getproxies().get(parts.scheme)
