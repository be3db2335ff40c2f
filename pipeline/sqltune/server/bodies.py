"""The body of a request: read whole, bounded, and checked against its shape."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from sqltune.errors import CallRefused
from sqltune.server import refusals
from sqltune.wire.gradient import ErrorType

#: More is no training call of a person; samples of a whole book are a tenth of it.
MOST_BYTES = 64 * 1024 * 1024

Shape = TypeVar("Shape", bound=BaseModel)


async def read_body(request: Request, shape: type[Shape], *, most_bytes: int) -> Shape:
    """The body in its shape.

    Raises:
        CallRefused: it is too large, no JSON, or of another shape.
    """
    body = await _read(request, most_bytes)
    try:
        return shape.model_validate_json(body)
    except ValidationError as error:
        raise _wrong_shape(error) from None


async def _read(request: Request, most_bytes: int) -> bytes:
    """All bytes. What is too much is read and dropped: a client that is cut off while it still
    writes never sees the answer.
    """
    kept = bytearray()
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= most_bytes:
            kept += chunk
    if size > most_bytes:
        raise CallRefused(
            f"the body has {size} bytes, and {most_bytes} are read: send it in several calls",
            status=413,
            type=ErrorType.BODY_PARSING.value,
            payload={},
        )
    return bytes(kept)


def _wrong_shape(error: ValidationError) -> CallRefused:
    """Name each place and what is wrong there; the values may be a person's texts."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    first = found[0]
    place = ".".join(str(part) for part in first["loc"]) or "body"
    return refusals.refuse(
        ErrorType.BODY_PARSING,
        f"{place}: {first['msg']}",
        payload={"validationError": found, "formattedValidationError": None},
    )
