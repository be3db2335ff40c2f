"""Replies that never end, in bytes or in time, are given up."""

from __future__ import annotations

import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import pytest

from sqltune.errors import UnexpectedReply
from sqltune.http_replies import MOST_REPLY_BYTES, open_reply, read_body

HEAD = b"HTTP/1.1 200 OK\r\n"
LONG = b"Content-Length: 99999999999\r\n\r\n"


@dataclass(frozen=True)
class Endless:
    """Replies with a beginning, and then with one piece again and again."""

    beginning: bytes
    piece: bytes
    pause_seconds: float = 0.01


@contextmanager
def serve(reply: Endless) -> Iterator[str]:
    stop = threading.Event()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(65536)
            try:
                self.request.sendall(reply.beginning)
                while not stop.wait(reply.pause_seconds):
                    self.request.sendall(reply.piece)
            except OSError:
                return  # the client has gone

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        stop.set()
        server.shutdown()
        thread.join()


def ask(url: str, seconds: float) -> bytes:
    deadline = time.monotonic() + seconds
    with open_reply("GET", url, headers={}, body=None, seconds=seconds) as reply:
        return read_body(reply, deadline=deadline, cure="ask another one")


def test_a_body_that_is_too_long_is_given_up() -> None:
    refused = pytest.raises(UnexpectedReply, match=f"more than {MOST_REPLY_BYTES:,} bytes: ask")
    with serve(Endless(HEAD + LONG, b" " * 65536, 0.0)) as url, refused:
        ask(url, 60)


@pytest.mark.parametrize(
    "reply",
    [
        Endless(HEAD + LONG, b" "),
        Endless(HEAD, b"X: y\r\n"),
        Endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        Endless(HEAD + LONG, b""),
    ],
    ids=["body", "head", "heads", "silence"],
)
def test_a_reply_that_does_not_end_in_time_is_given_up(reply: Endless) -> None:
    with serve(reply) as url, pytest.raises(ConnectionError, match="no reply: "):
        ask(url, 0.3)


def test_a_compressed_body_is_not_unfolded() -> None:
    bomb = HEAD + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"
    with serve(Endless(bomb, b"")) as url:
        assert ask(url, 60) == b"abc"


def test_a_redirect_is_a_reply() -> None:
    head = b"HTTP/1.1 302 Found\r\nLocation: http://other.example\r\nContent-Length: 0\r\n\r\n"
    with (
        serve(Endless(head, b"")) as url,
        open_reply("POST", url, headers={}, body=b"{}", seconds=60) as reply,
    ):
        assert reply.status_code == httpx.codes.FOUND


@pytest.mark.parametrize("url", ["http://[abc", "http://127.0.0.1:1/", "abacus://a"])
def test_where_nothing_is_there_is_no_reply(url: str) -> None:
    with pytest.raises(ConnectionError, match="no reply: "):
        ask(url, 60)
