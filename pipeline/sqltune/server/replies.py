"""Replies as JSON in UTF-8, and errors in the API's shape."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from starlette.responses import Response

from sqltune.errors import CallRefused


def plain_reply(
    content: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a reply in ASCII: half a character of a request is sent back as an escape."""
    return Response(json.dumps(content), status, headers, media_type="application/json")


def json_reply(content: BaseModel) -> Response:
    """Return a reply of status 200, the only one that the SDK accepts."""
    return Response(content.model_dump_json(by_alias=True), media_type="application/json")


def error_reply(refusal: CallRefused) -> Response:
    """Return an error: message, and type and payload where the API has them."""
    content: dict[str, Any] = {"message": str(refusal)}
    if refusal.type is not None:
        content["type"] = refusal.type
    if refusal.payload is not None:
        content["payload"] = refusal.payload
    return plain_reply(content, refusal.status)
