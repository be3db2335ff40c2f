"""A TCP proxy on loopback between a client and a server, that delays, cuts and swallows.

It knows no protocol. What a client sends may be searched for a marker, so that the reply to a
certain request is the one that is lost.
"""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

_PIECE = 65_536


@dataclass
class NetworkFaults:
    """What the network does to all that goes through it from now on, and what it has counted."""

    delay_seconds: float = 0.0  #: each piece arrives that much later
    cut_after_sent: int | None = None  #: bytes from the client, all connections together
    cut_after_received: int | None = None  #: bytes to the client
    cuts_once: bool = False  #: after a cut nothing is cut any more
    marker: bytes | None = None  #: what to search for in what the client sends
    lose_reply_to: int | None = None  #: the n-th piece with the marker: what it is answered is lost
    swallow: int | None = None  #: the n-th piece with the marker is lost itself
    stays_open: bool = False  #: a client that waits for what was lost sees no break
    awaits_server: bool = False  #: a client that connects while no server listens waits for one
    counted: tuple[bytes, ...] = ()  #: words to count in what the client sends
    sent: int = 0
    received: int = 0
    markers: int = 0
    cuts: int = 0
    counts: Counter[bytes] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def admit(self, piece: bytes, *, is_from_client: bool) -> bytes:
        """Count a piece, and return what of it arrives; less than all: the connection breaks."""
        with self.lock:
            if is_from_client:
                before, self.sent = self.sent, self.sent + len(piece)
                limit = self.cut_after_sent
            else:
                before, self.received = self.received, self.received + len(piece)
                limit = self.cut_after_received
            if limit is None or before + len(piece) <= limit:
                return piece
            self.cuts += 1
            if self.cuts_once:
                self.cut_after_sent = self.cut_after_received = None
            return piece[: max(0, limit - before)]

    def count_marker(self, piece: bytes) -> int:
        """Return the number of a piece with the marker; 0: it has none."""
        with self.lock:
            self.counts.update(word for word in self.counted if word in piece)
            if self.marker is None or self.marker not in piece:
                return 0
            self.markers += 1
            return self.markers


class FaultyNetwork:
    """Passes connections on to a port of this machine.

    Attributes:
        port: where it listens.
        faults: what it does; may be replaced at any time.
    """

    def __init__(self, target_port: int) -> None:
        self._target = target_port
        self._moved = threading.Condition()
        self.faults = NetworkFaults()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._mute: set[socket.socket] = set()
        self._without_reply: set[socket.socket] = set()
        self._is_stopped = threading.Event()
        threading.Thread(target=self._accept, name="network", daemon=True).start()

    def move(self, target_port: int) -> None:
        """Pass connections on to another port from now on."""
        with self._moved:
            self._target = target_port
            self._moved.notify_all()

    def fall_silent(self) -> None:
        """Let nothing through the connections that are open now, and leave them open."""
        self._mute |= set(self._open)

    def stop(self) -> None:
        """Refuse connections, and break those that are open."""
        self._is_stopped.set()
        self.move(self._target)
        self._listener.close()
        for sock in self._open:
            _break(sock)

    def _accept(self) -> None:
        while not self._is_stopped.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = self._reach_server()
            if server is None:
                _break(client)
                continue
            self._open += [client, server]
            for source, sink, is_from_client in ((client, server, True), (server, client, False)):
                threading.Thread(
                    target=self._pass_on, args=(source, sink, is_from_client), daemon=True
                ).start()

    def _reach_server(self) -> socket.socket | None:
        while not self._is_stopped.is_set():
            target = self._target
            try:
                return socket.create_connection(("127.0.0.1", target))
            except OSError:
                if not self.faults.awaits_server:
                    return None
            self._await_move(target)
        return None

    def _await_move(self, target: int) -> None:
        with self._moved:
            self._moved.wait_for(lambda: self._target != target or self._is_stopped.is_set())

    def _pass_on(self, source: socket.socket, sink: socket.socket, is_from_client: bool) -> None:
        with suppress(OSError):
            while piece := source.recv(_PIECE):
                faults = self.faults
                if faults.delay_seconds:
                    self._is_stopped.wait(faults.delay_seconds)
                if source in self._mute:
                    self._is_stopped.wait()
                admitted = faults.admit(piece, is_from_client=is_from_client)
                if self._is_lost(piece, faults, source, sink, is_from_client):
                    if faults.stays_open:
                        self._mute |= {source, sink}
                        continue
                    break
                sink.sendall(admitted)
                if len(admitted) < len(piece):
                    break
        _break(source)
        _break(sink)

    def _is_lost(
        self,
        piece: bytes,
        faults: NetworkFaults,
        source: socket.socket,
        sink: socket.socket,
        is_from_client: bool,
    ) -> bool:
        if not is_from_client:
            # Only now: a client that sees a break earlier may ask before its request has arrived.
            return sink in self._without_reply
        number = faults.count_marker(piece)
        if number and number == faults.lose_reply_to:
            self._without_reply.add(source)
        return bool(number) and number == faults.swallow


def _break(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()


@contextmanager
def open_network(target_port: int) -> Iterator[FaultyNetwork]:
    """Run a network to a port, without faults so far."""
    network = FaultyNetwork(target_port)
    try:
        yield network
    finally:
        network.stop()
