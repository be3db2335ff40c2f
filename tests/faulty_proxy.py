"""An HTTP proxy on loopback that forwards to a real server, and spoils the replies it is told to.

What it forwards, the server carries out; what a client hears of it is another matter.
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
        """A client that went away is none of the proxy's business."""
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
    body: bytes = b'{"message": "the proxy says so"}'
    is_forwarded: bool = True  #: without a status: whether the server gets it
    replied_bytes: int | None = None  #: of the body, before the connection breaks; None: all
    held_until: threading.Event | None = None  #: everything waits for it
    seen: int = 0


class FaultyProxy:
    """Forwards to `target` and lets its faults happen.

    Attributes:
        requests: method and path of all that came, in order.
        bodies: what came with the POSTs, in order.
    """

    def __init__(self, target: str) -> None:
        self._target = urlsplit(target)
        self.requests: list[tuple[str, str]] = []
        self.bodies: list[Any] = []
        self.faults: list[Fault] = []
        self.has_come = threading.Condition()
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
        """Count the requests that came to paths that end so."""
        return sum(m == method and path.endswith(ends) for m, path in self.requests)

    def await_request(self, method: str, ends: str) -> None:
        """Wait until such a request has come."""
        with self.has_come:
            assert self.has_come.wait_for(
                lambda: any(m == method and p.endswith(ends) for m, p in self.requests), 60
            )

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        """Serve one request."""
        body = handler.rfile.read(int(handler.headers.get("content-length", 0)))
        path = handler.path.partition("?")[0]
        with self.has_come:
            fault = self._find_fault(handler.command, path)
            self.requests.append((handler.command, path))
            self.bodies += [json.loads(body)] if body else []
            self.has_come.notify_all()
        if fault is not None and fault.held_until is not None:
            fault.held_until.wait(60)
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
    """Give a proxy at work, without faults so far."""
    proxy = FaultyProxy(target)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()


def free_port() -> int:
    """Give a port of this machine where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def error_body(**fields: object) -> bytes:
    """Give the body of an error of Gradient's API."""
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
