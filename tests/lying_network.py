"""A TCP proxy on loopback between a client and a server, that lies: it delays, cuts, and swallows.

It knows no protocol. What a client sends may be looked for, so that the reply to a certain request
is the one that gets lost.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

_PIECE = 65_536


@dataclass
class Lies:
    """What the network does to whatever goes through it from now on."""

    delay_seconds: float = 0.0  #: each piece arrives that much later
    cut_after_sent: int | None = None  #: bytes from the client, all connections together
    cut_after_received: int | None = None  #: bytes to the client
    marker: bytes | None = None  #: what to look for in what the client sends
    lose_reply_to: int | None = (
        None  #: the n-th piece with the marker is passed on; its reply is not
    )
    sent: int = 0
    received: int = 0
    markers: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def passes(self, piece: bytes, *, is_from_client: bool) -> bool:
        """Count a piece; False: the connection breaks instead."""
        with self.lock:
            if is_from_client:
                self.sent += len(piece)
                return not _is_over(self.sent, self.cut_after_sent)
            self.received += len(piece)
            return not _is_over(self.received, self.cut_after_received)

    def loses_reply(self, piece: bytes) -> bool:
        """Whether the reply to this piece gets lost."""
        with self.lock:
            if self.marker is None or self.marker not in piece:
                return False
            self.markers += 1
            return self.markers == self.lose_reply_to


def _is_over(count: int, limit: int | None) -> bool:
    return limit is not None and count > limit


class LyingNetwork:
    """Passes connections on to a port of this machine.

    Attributes:
        port: where it listens.
        lies: what it does; may be replaced at any time.
    """

    def __init__(self, target_port: int) -> None:
        self._target = target_port
        self.lies = Lies()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._mute: set[socket.socket] = set()
        self._is_stopped = threading.Event()
        threading.Thread(target=self._accept, name="network", daemon=True).start()

    def fall_silent(self) -> None:
        """Let nothing through the connections that are open now, and leave them open."""
        self._mute |= set(self._open)

    def stop(self) -> None:
        """Refuse connections, and break those that are open."""
        self._is_stopped.set()
        self._listener.close()
        for sock in self._open:
            _break(sock)

    def _accept(self) -> None:
        while not self._is_stopped.is_set():
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                return
            self._open += [client, server]
            for source, sink, is_from_client in ((client, server, True), (server, client, False)):
                threading.Thread(
                    target=self._pass_on, args=(source, sink, is_from_client), daemon=True
                ).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, is_from_client: bool) -> None:
        with suppress(OSError):
            while piece := source.recv(_PIECE):
                lies = self.lies
                if lies.delay_seconds:
                    self._is_stopped.wait(lies.delay_seconds)
                if source in self._mute:
                    self._is_stopped.wait()
                if not lies.passes(piece, is_from_client=is_from_client):
                    break
                if is_from_client and lies.loses_reply(piece):
                    self._lose_reply(piece, source, sink)
                    return
                sink.sendall(piece)
        _break(source)
        _break(sink)

    def _lose_reply(self, piece: bytes, client: socket.socket, server: socket.socket) -> None:
        """Let the server have the request and answer it, and the client hear only of a break."""
        _break(client)
        server.sendall(piece)


def _break(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()


@contextmanager
def open_network(target_port: int) -> Iterator[LyingNetwork]:
    """Give a network to a port that tells the truth until it is told to lie."""
    network = LyingNetwork(target_port)
    try:
        yield network
    finally:
        network.stop()
