"""Limits on a connection's socket, the same for every driver: a network can go silent for good.

A peer that vanished is found by TCP's own probes, one that keeps the connection and sends nothing
by a limit on the wait for each piece of a reply.
"""

from __future__ import annotations

import socket
import struct
from contextlib import suppress
from typing import Any

#: The first probe after a minute of silence, then one every 15 seconds, four in all.
_PROBES = (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4))


def watch_peer(connection: Any) -> None:
    """Let the operating system probe whether the server is still there."""
    sock = getattr(connection, "_sock", None)
    if not isinstance(sock, socket.socket):
        return
    with suppress(OSError):  # a socket of the file system has no probes
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _PROBES:
            if hasattr(socket, name):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def limit_silence(connection: Any, seconds: float) -> None:
    """Abort a read after this many seconds without a byte; 0 waits without a limit."""
    sock = getattr(connection, "_sock", None)
    if not isinstance(sock, socket.socket):
        return
    connection._read_timeout = seconds or None
    sock.settimeout(seconds or None)
    # The singlestoredb client's C code reads from the bare file descriptor.
    if type(connection).__module__.startswith("singlestoredb"):
        sock.settimeout(None)
        whole = int(seconds)
        limit = struct.pack("ll", whole, int((seconds - whole) * 1_000_000))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
