"""The connections of one port: how many there are at once, and how long a client may take.

A client that neither asks nor goes away costs a file descriptor and memory. So each stage of a
connection has a time limit, and where there are as many connections as allowed, a new client takes
the place of the one that has kept us waiting longest. A call that is being answered is never ended.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

logger = logging.getLogger(__name__)

#: Pause where no connection can be ended or accepted; the listener's backlog holds who waits.
_PAUSE_SECONDS = 0.05
#: A body may take so many times its time limit as it has units of so many bytes.
_BODY_UNIT = 1024 * 1024


class Stage(IntEnum):
    """What a connection waits for; the least is ended first to make room."""

    HEAD = 0  #: the head of a call, of which a part may be there; also the first call
    IDLE = 1  #: the next call
    READER = 2  #: the client to read the reply, or the end of the connection
    BODY = 3  #: the rest of a body
    CALL = 4  #: us


@dataclass(frozen=True)
class Limits:
    """What a port allows its clients."""

    #: Connections at the same time.
    connections: int
    #: Bytes of one body: a client that sends more loses its connection.
    body_bytes: int
    #: Longest time for the head of a call.
    head_seconds: float = 20.0
    #: Longest time for each MiB of a body.
    body_seconds: float = 20.0
    #: Longest time in which a client may read nothing of its reply.
    reader_seconds: float = 60.0
    #: Longest time between two calls. Longer than a client usually waits: one whose connection is
    #: closed just as it sends a POST cannot know whether the POST was processed.
    idle_seconds: float = 75.0

    def seconds_for(self, stage: Stage) -> float:
        """Return how long a connection may stay in a stage without progress."""
        return {
            Stage.HEAD: self.head_seconds,
            Stage.IDLE: self.idle_seconds,
            Stage.READER: self.reader_seconds,
            Stage.BODY: self.body_seconds,
            Stage.CALL: float("inf"),
        }[stage]


class Connection(H11Protocol):
    """One client's connection, which knows since when it has been waiting for the client."""

    def __init__(
        self, limits: Limits, seconds: Callable[[], float], numbers: Iterator[int], **uvicorns: Any
    ) -> None:
        """Allow the client these limits, by a clock that never goes back; number it."""
        super().__init__(**uvicorns)
        self._limits = limits
        self._seconds = seconds
        self._body_bytes = 0
        self._position: object = None
        self.waiting_since = seconds()
        self.number = next(numbers)

    def data_received(self, data: bytes) -> None:
        """Read what the client sent, unless its body is far too large."""
        cycle = self.cycle
        super().data_received(data)
        self._body_bytes = self._body_bytes + len(data) if self.cycle is cycle else 0
        if self.stage is Stage.BODY and self._body_bytes > self._limits.body_bytes:
            self.end(b"413 Content Too Large")

    @property
    def stage(self) -> Stage:
        """What the connection waits for."""
        if self.transport.is_closing() or self.transport.get_write_buffer_size():
            return Stage.READER
        if self.conn.their_state is h11.SEND_BODY:
            return Stage.BODY
        if self.conn.their_state is not h11.IDLE:
            return Stage.CALL
        is_new = self.cycle is None or bool(self.conn.trailing_data[0])
        return Stage.HEAD if is_new else Stage.IDLE

    def look(self) -> None:
        """End the connection if the client has made no progress for too long."""
        stage = self.stage
        unread = self.transport.get_write_buffer_size()
        position = (stage, self.cycle, self._body_bytes // _BODY_UNIT, unread)
        if position != self._position:
            self._position, self.waiting_since = position, self._seconds()
        elif self._seconds() - self.waiting_since > self._limits.seconds_for(stage):
            self.end(b"408 Request Timeout")

    def end(self, status: bytes) -> None:
        """End the connection; the client reads the status if its call has no reply yet."""
        stage = self.stage
        is_unanswered = self.cycle is None or not self.cycle.response_started
        if stage is Stage.READER:
            self.transport.abort()
            return
        if stage is Stage.HEAD or (stage is Stage.BODY and is_unanswered):
            reply = b"HTTP/1.1 %s\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
            self.transport.write(reply % status)
        self.transport.close()


async def accept_clients(
    listener: socket.socket, open_connections: Set[Any], most: int, make: Callable[[], Connection]
) -> None:
    """Accept one client after the other for ever, each once there is room for the one before.

    asyncio's own server accepts all that come until the process has no file descriptor left, and
    then reports it without end.
    """
    loop = asyncio.get_running_loop()
    listener.setblocking(False)
    has_failed = False
    while True:
        try:
            client, _ = await loop.sock_accept(listener)
            _, newest = await loop.connect_accepted_socket(make, client)
            has_failed = False
            await _make_room(open_connections, most, newest)
        except OSError as error:
            if not has_failed:
                logger.warning(
                    "no client can connect at the moment: %s", error, extra={"event": "call_failed"}
                )
            has_failed = True
            await asyncio.sleep(_PAUSE_SECONDS)


async def _make_room(open_connections: Set[Any], most: int, newest: Connection) -> None:
    while len(open_connections) > most:
        others = [c for c in open_connections if c is not newest and c.stage is not Stage.CALL]
        if others:
            min(others, key=lambda c: (c.stage, c.waiting_since, c.number)).transport.abort()
        # What was aborted is closed before this returns.
        await asyncio.sleep(0 if others else _PAUSE_SECONDS)
