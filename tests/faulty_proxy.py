"""An HTTP proxy on loopback that forwards to a real server, and spoils chosen replies.

The server carries out all that it forwards, whether or not the client receives the reply.
"""

from __future__ import annotations

import http.client
import json
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a client that has closed its connection."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


@dataclass
class Fault:
    """Something that goes wrong with the n-th request of a kind."""

    method: str
    ends: str  #: how the path ends, without the query
    number: int | None = 1  #: 1 is the first such request; None: every one
    status: int | None = None  #: reply this, and forward nothing
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b'{"message": "a fault of the proxy"}'
    is_forwarded: bool = True  #: without a status: whether the server gets it
    replied_bytes: int | None = None  #: of the body, before the connection breaks; None: all
    waits_for: threading.Event | None = None  #: before anything else
    seen: int = 0


class FaultyProxy:
    """Forwards to `target` and lets its faults happen.

    Attributes:
        requests: method and path of all requests, in order.
        bodies: of the POSTs, in order.
    """

    def __init__(self, target: str) -> None:
        self._target = urlsplit(target)
        self.requests: list[tuple[str, str]] = []
        self.bodies: list[Any] = []
        self.faults: list[Fault] = []
        self._arrival = threading.Condition()
        self._is_stopped = threading.Event()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                proxy.handle(self)

            do_POST = do_DELETE = do_GET

            def log_message(self, *_: Any) -> None:
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{port}{self._target.path}"

    def drop(self, method: str, ends: str, number: int | None = 1) -> None:
        """Forward a request, and lose its reply."""
        self.faults.append(Fault(method, ends, number, replied_bytes=-1))

    def count(self, method: str, ends: str) -> int:
        """Return the number of requests to paths that end so."""
        return sum(m == method and path.endswith(ends) for m, path in self.requests)

    def await_request(self, method: str, ends: str) -> None:
        """Wait until there was such a request."""
        with self._arrival:
            assert self._arrival.wait_for(
                lambda: any(m == method and p.endswith(ends) for m, p in self.requests), 60
            )

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        """Serve one request."""
        body = handler.rfile.read(int(handler.headers.get("content-length", 0)))
        path = handler.path.partition("?")[0]
        with self._arrival:
            fault = self._find_fault(handler.command, path)
            self.requests.append((handler.command, path))
            self.bodies += [json.loads(body)] if body else []
            self._arrival.notify_all()
        if fault is not None and fault.waits_for is not None:
            fault.waits_for.wait(60)
        if self._is_stopped.is_set():
            _break(handler)
            return
        if fault is not None and fault.status is not None:
            _reply(handler, fault.status, fault.headers, fault.body)
            return
        if fault is not None and not fault.is_forwarded:
            _break(handler)
            return
        status, content = self._forward(handler, body)
        if fault is None or fault.replied_bytes is None:
            _reply(handler, status, {}, content)
            return
        if fault.replied_bytes >= 0:
            _reply(handler, status, {}, content, only=fault.replied_bytes)
        _break(handler)

    def _find_fault(self, method: str, path: str) -> Fault | None:
        found = None
        for fault in self.faults:
            if fault.method == method and path.endswith(fault.ends):
                fault.seen += 1
                if fault.number in (None, fault.seen):
                    found = fault
        return found

    def _forward(self, handler: BaseHTTPRequestHandler, body: bytes) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self._target.netloc, timeout=60)
        try:
            headers = dict(handler.headers.items())
            connection.request(handler.command, handler.path, body or None, headers)
            reply = connection.getresponse()
            return reply.status, reply.read()
        finally:
            connection.close()

    def start(self) -> None:
        """Begin to listen."""
        threading.Thread(
            target=self._server.serve_forever, args=[0.02], name="proxy", daemon=True
        ).start()

    def stop(self) -> None:
        """Refuse connections from now on, and break those that are open."""
        self._is_stopped.set()
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def proxy_to(target: str) -> Iterator[FaultyProxy]:
    """Run a proxy, without faults so far."""
    proxy = FaultyProxy(target)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()


def free_port() -> int:
    """Return a port of this machine on which no process listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def error_body(**fields: object) -> bytes:
    """Return the body of an error of Gradient's API."""
    return json.dumps(fields).encode()


def _reply(
    handler: BaseHTTPRequestHandler,
    status: int,
    headers: dict[str, str],
    content: bytes,
    only: int | None = None,
) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content[:only])
    handler.wfile.flush()


def _break(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)
