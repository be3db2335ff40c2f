"""The body of a request: read whole, limited in size, and checked against its shape."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from sqltune.errors import CallRefused
from sqltune.server import refusals
from sqltune.wire.gradient import ErrorType

#: The samples of a whole book are a tenth of this.
MOST_BYTES = 64 * 1024 * 1024

Shape = TypeVar("Shape", bound=BaseModel)


async def read_body(request: Request, shape: type[Shape], *, most_bytes: int) -> Shape:
    """Return the body, parsed.

    Raises:
        CallRefused: it is too large, not JSON, or of another shape.
    """
    body = await _read(request, most_bytes)
    try:
        return shape.model_validate_json(body)
    except ValidationError as error:
        raise _wrong_shape(error) from None


async def _read(request: Request, most_bytes: int) -> bytes:
    """Return all bytes.

    Too large a body is read to its end and dropped: a client whose connection is closed while it
    still writes never reads the reply.
    """
    kept = bytearray()
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= most_bytes:
            kept += chunk
    if size > most_bytes:
        raise CallRefused(
            f"the body has {size} bytes, and the limit is {most_bytes}: send it in several calls",
            status=413,
            type=ErrorType.BODY_PARSING.value,
            payload={},
        )
    return bytes(kept)


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
