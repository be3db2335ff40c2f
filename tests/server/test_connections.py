"""Clients that neither ask nor read nor go away lose their connection; who asks is answered.

Real sockets on a real port; the clock of the limits is the test's.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from sqltune.server.connections import Limits
from sqltune.server.running import bind, running

HEAD = b"GET /now HTTP/1.1\r\nhost: test\r\n"
NOW = HEAD + b"\r\n"
MIB = 1024 * 1024
LIMITS = Limits(connections=8, body_bytes=4 * MIB)


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class App:
    """Answers /now at once, /wait once it may, /much with more than a socket holds."""

    def __init__(self) -> None:
        self.waiting = 0
        self.may_answer = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b"ok"
        if scope["path"] == "/wait":
            self.waiting += 1
            while not self.may_answer:
                await asyncio.sleep(0.01)
        if scope["path"] == "/much":
            body = b"x" * 64 * MIB
        if scope["path"] == "/read":
            while (await receive()).get("more_body"):
                pass
        size = str(len(body)).encode()
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-length", size)]}
        )
        await send({"type": "http.response.body", "body": body})


class Client:
    """A client that sends and reads bytes."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)

    def send(self, content: bytes) -> Client:
        self.socket.sendall(content)
        return self

    def reply(self) -> bytes:
        """Return the first line of the reply; nothing if the connection has ended."""
        content = b""
        while not content.endswith(b"\r\n"):
            if not (one := self.read(1)):
                break
            content += one
        return content.strip()

    def ask(self) -> bytes:
        """Ask and return the whole reply."""
        self.send(NOW)
        content = b""
        while not content.endswith(b"ok"):
            if not (more := self.read(4096)):
                break
            content += more
        return content

    def read(self, size: int) -> bytes:
        try:
            return self.socket.recv(size)
        except ConnectionResetError:
            return b""

    def read_all(self) -> bytes:
        """Read until the server ends the connection."""
        return b"".join(iter(lambda: self.read(65536), b""))


class Port:
    """A running port and its clients."""

    def __init__(self, number: int, app: App, clock: Clock, stack: ExitStack) -> None:
        self.number, self.app, self.clock, self._stack = number, app, clock, stack

    def client(self, content: bytes = b"") -> Client:
        client = Client(self.number)
        self._stack.callback(client.socket.close)
        return client.send(content)


@pytest.fixture
def port() -> Iterator[Port]:
    app, clock = App(), Clock()
    with (
        bind("127.0.0.1", 0) as listener,
        running(app, listener, LIMITS, seconds=clock) as address,
        ExitStack() as stack,
    ):
        yield Port(address.port, app, clock, stack)
        app.may_answer = True


def past(port: Port, seconds: float, client: Client) -> bytes:
    """Let the clock run on until the server notices, and return the end of the connection."""
    client.socket.settimeout(0.2)
    while True:
        port.clock.now += seconds
        try:
            return client.reply()
        except TimeoutError:
            continue


@pytest.mark.parametrize("begun", [b"", HEAD, b"G"])
def test_a_head_that_does_not_end_is_a_timeout(port: Port, begun: bytes) -> None:
    client = port.client(begun)
    assert past(port, LIMITS.head_seconds, client) == b"HTTP/1.1 408 Request Timeout"


def test_a_head_that_trickles_is_a_timeout_all_the_same(port: Port) -> None:
    client = port.client(HEAD)
    client.socket.settimeout(0.2)
    ended = b""
    while not ended:
        port.clock.now += LIMITS.head_seconds / 3
        client.send(b"a: b\r\n")
        try:
            ended = client.reply()
        except TimeoutError:
            continue
    assert ended == b"HTTP/1.1 408 Request Timeout"


def test_a_body_that_does_not_end_is_a_timeout(port: Port) -> None:
    head = b"POST /read HTTP/1.1\r\nhost: test\r\ncontent-length: 1000\r\n\r\n"
    client = port.client(head + b"half")
    assert past(port, LIMITS.body_seconds, client) == b"HTTP/1.1 408 Request Timeout"


def test_a_body_whose_call_was_answered_long_ago_is_not_read_for_ever(port: Port) -> None:
    client = port.client(
        b"POST /now HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"
    )
    assert client.reply() == b"HTTP/1.1 200 OK"
    while client.reply():
        pass
    assert past(port, LIMITS.body_seconds, client) == b""


def test_a_body_without_end_is_not_listened_to(port: Port) -> None:
    client = port.client(b"POST /read HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n")
    chunks = [b"100000\r\n" + bytes(MIB) + b"\r\n"] * 64
    with pytest.raises(OSError, match=r"reset|pipe"):
        client.send(b"".join(chunks))


def test_a_connection_without_a_call_ends_quietly(port: Port) -> None:
    client = port.client()
    assert client.ask().startswith(b"HTTP/1.1 200 OK")
    assert past(port, LIMITS.idle_seconds, client) == b""


def test_a_reply_that_nobody_reads_is_dropped(port: Port) -> None:
    slow, other = port.client(b"GET /much HTTP/1.1\r\nhost: test\r\n\r\n"), port.client()
    past(port, 2 * LIMITS.reader_seconds, other)
    assert len(slow.read_all()) < 64 * MIB


def test_a_call_that_is_being_answered_has_no_limit(port: Port) -> None:
    client = port.client(b"GET /wait HTTP/1.1\r\nhost: test\r\n\r\n")
    other = port.client()
    past(port, 10 * LIMITS.idle_seconds, other)
    port.app.may_answer = True
    assert client.reply() == b"HTTP/1.1 200 OK"


@pytest.mark.parametrize(
    "begun", [b"", HEAD, b"POST /read HTTP/1.1\r\nhost: test\r\ncontent-length: 9\r\n\r\nhalf"]
)
def test_a_client_that_asks_takes_the_place_of_one_that_does_not(port: Port, begun: bytes) -> None:
    idle = [port.client(begun) for _ in range(5 * LIMITS.connections)]
    for _ in range(20):
        assert port.client().ask().startswith(b"HTTP/1.1 200 OK")
    assert idle[0].read_all() == b""


def test_room_is_made_at_the_cost_of_no_call(port: Port) -> None:
    waiting = [
        port.client(b"GET /wait HTTP/1.1\r\nhost: test\r\n\r\n")
        for _ in range(LIMITS.connections - 1)
    ]
    for _ in range(20):
        port.client(HEAD)
        assert port.client().ask().startswith(b"HTTP/1.1 200 OK")
    port.app.may_answer = True
    assert [client.reply() for client in waiting] == [b"HTTP/1.1 200 OK"] * len(waiting)
