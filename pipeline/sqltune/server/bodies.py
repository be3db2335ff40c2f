"""The bodies of requests: read whole, limited in size, and checked against their shape."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from sqltune.errors import CallRefused
from sqltune.server import refusals
from sqltune.wire.gradient import ErrorType

#: The samples of a whole book are a tenth of this.
MOST_BYTES = 64 * 1024 * 1024
#: The largest body so many times is what all bodies may have together.
_MOST_TOGETHER = 2
#: Objects of a body, and values of any kind: what reading them takes of the event loop's thread is
#: a matter of their number and not of bytes. Counted as bytes of JSON, those in texts included.
MOST_OBJECTS, MOST_VALUES = 50_000, 500_000
#: A small body never waits for large ones: the number of connections bounds how many there are.
_SMALL_BYTES = 64 * 1024

Shape = TypeVar("Shape", bound=BaseModel)


class Bodies:
    """Reads bodies, with one bound for all that are kept at the same time.

    Used by the thread of the event loop alone.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        """Begin with none; `most_bytes` is the size of the largest."""
        self._most_bytes = most_bytes
        self._free_bytes = _MOST_TOGETHER * most_bytes

    @asynccontextmanager
    async def read(self, request: Request, shape: type[Shape]) -> AsyncIterator[Shape]:
        """Yield the body, parsed; it counts as kept until the block ends.

        Raises:
            CallRefused: it is too large, not JSON, of another shape, or too many are kept.
            ClientDisconnect: the client is gone.
        """
        async with self.read_bytes(request) as body:
            require_few_items(body)
            try:
                parsed = shape.model_validate_json(body)
            except ValidationError as error:
                raise _wrong_shape(error) from None
            yield parsed

    @asynccontextmanager
    async def read_bytes(self, request: Request) -> AsyncIterator[bytes]:
        """Yield the body as it is; it counts as kept until the block ends.

        Raises:
            CallRefused: it is too large, or too many are kept.
            ClientDisconnect: the client is gone.
        """
        kept = _Kept()
        try:
            yield await self._read(request, kept)
        finally:
            self._free_bytes += kept.counted

    async def _read(self, request: Request, kept: _Kept) -> bytes:
        """Return all bytes.

        Too large a body is read to its end and dropped: a client whose connection is closed while
        it still writes never reads the reply.
        """
        size = 0
        has_room = True
        async for chunk in request.stream():
            size += len(chunk)
            has_room = has_room and (size <= _SMALL_BYTES or self._count(len(chunk), kept))
            if has_room and size <= self._most_bytes:
                kept.content += chunk
            else:
                kept.content.clear()
        if size > self._most_bytes:
            raise _too_large(size, self._most_bytes)
        if not has_room:
            raise refusals.bodies_full()
        return bytes(kept.content)

    def _count(self, size: int, kept: _Kept) -> bool:
        """Count so many bytes as kept; return False where they would be too many."""
        if size > self._free_bytes:
            return False
        self._free_bytes -= size
        kept.counted += size
        return True


def require_few_items(body: bytes) -> None:
    """Refuse JSON of more items than are read at once.

    Raises:
        CallRefused: there may be too many.
    """
    objects = body.count(b"{")
    values = objects + body.count(b"[") + body.count(b",")
    if objects > MOST_OBJECTS or values > MOST_VALUES:
        raise CallRefused(
            f"the body has {objects:,} objects and {values:,} values, and the limits are "
            f"{MOST_OBJECTS:,} and {MOST_VALUES:,}, braces and commas in texts included: send it "
            "in several calls",
            status=413,
            type=ErrorType.BODY_PARSING.value,
            payload={},
        )


@dataclass
class _Kept:
    """What is kept of one body, and how much of it counts."""

    content: bytearray = field(default_factory=bytearray)
    counted: int = 0


def _too_large(size: int, most_bytes: int) -> CallRefused:
    return CallRefused(
        f"the body has {size} bytes, and the limit is {most_bytes}: send it in several calls",
        status=413,
        type=ErrorType.BODY_PARSING.value,
        payload={},
    )


def _wrong_shape(error: ValidationError) -> CallRefused:
    """Name each field and what is wrong with it, without its value: it may be a person's text."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    first = found[0]
    place = ".".join(str(part) for part in first["loc"]) or "body"
    return refusals.refuse(
        ErrorType.BODY_PARSING,
        f"{place}: {first['msg']}",
        payload={"validationError": found, "formattedValidationError": None},
    )
