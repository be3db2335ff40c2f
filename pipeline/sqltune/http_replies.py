"""Replies over HTTP that are bounded, in bytes and in time, whatever a service sends."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpx

from sqltune.errors import UnexpectedReply

#: A listing of 50,000 adapters is shorter.
MOST_REPLY_BYTES = 16_000_000


@contextmanager
def open_reply(
    method: str, url: str, *, headers: Mapping[str, str], body: bytes | None, seconds: float
) -> Iterator[httpx.Response]:
    """Send one request over a connection of its own; yield the reply, whose body is not yet read.

    Args:
        method: GET, POST ...
        url: of the service; its redirects are not followed.
        headers: sent with the request.
        body: sent with the request; None: none.
        seconds: after them, the reply is given up in the middle.

    Raises:
        ConnectionError: there is no reply; the message repeats nothing of the request.
    """
    try:
        # A connection is name, TCP and TLS, each with this limit.
        limits = httpx.Timeout(seconds, connect=seconds / 3)
        with httpx.Client(timeout=limits) as client, _closed_after(client, seconds):
            plain = {"Accept-Encoding": "identity", **headers}
            with client.stream(method, url, content=body, headers=plain) as reply:
                yield reply
    # httpx raises a ValueError where a proxy of the environment is none.
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        raise ConnectionError(f"no reply: {type(error).__name__}") from None


def read_body(reply: httpx.Response, *, deadline: float, cure: str) -> bytes:
    """Return the body of a reply.

    Args:
        reply: not yet read.
        deadline: by `time.monotonic`.
        cure: what to do about a service that sends too much.

    Raises:
        UnexpectedReply: it has more bytes than a service has a reason to send.
        httpx.ReadTimeout: it did not end in time.
    """
    content = bytearray()
    # Not decoded: a few compressed bytes may be gigabytes.
    for chunk in reply.iter_raw():
        content += chunk
        if len(content) > MOST_REPLY_BYTES:
            raise UnexpectedReply(
                f"the reply has more than {MOST_REPLY_BYTES:,} bytes: {cure}",
                status=reply.status_code,
            )
        if time.monotonic() > deadline:
            raise httpx.ReadTimeout("the body of the reply did not end in time")
    return bytes(content)


@contextmanager
def _closed_after(client: httpx.Client, seconds: float) -> Iterator[None]:
    """Close a client that is still in use then: httpx limits the time of each read alone.

    Raises:
        TimeoutError: that ended what the block did.
    """
    guard = threading.Timer(seconds, client.close)
    guard.daemon = True
    guard.start()
    try:
        yield
    # What a read raises whose client was closed under it depends on where it was.
    except Exception:
        if client.is_closed:
            raise TimeoutError from None
        raise
    finally:
        guard.cancel()
