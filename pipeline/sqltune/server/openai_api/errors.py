"""Errors in OpenAI's shape: clients branch on the status and on the code."""

from __future__ import annotations

from typing import Any

from sqltune.errors import CallRefused

#: Where OpenAI's routes begin.
PREFIX = "/v1/"
_TYPE = {401: "invalid_request_error", 429: "rate_limit_error"}
_CODE = {401: "invalid_api_key", 403: "forbidden", 429: "rate_limit_exceeded"}
_WRONG, _FAILED = "invalid_request_error", "server_error"


def refuse_field(param: str, message: str, *, code: str | None = None) -> CallRefused:
    """Refuse a request because of one of its fields."""
    return CallRefused(
        message, status=400, type=_WRONG, payload={"param": param, "code": code or "invalid_value"}
    )


def refuse_model(message: str) -> CallRefused:
    """Refuse a request for a model that is not there, or cannot be asked here."""
    return CallRefused(
        message, status=404, type=_WRONG, payload={"param": "model", "code": "model_not_found"}
    )


def error_body(refusal: CallRefused) -> dict[str, Any]:
    """Return what the client reads."""
    status, payload = refusal.status, refusal.payload or {}
    default = _WRONG if status < 500 else _FAILED
    kind = refusal.type if "code" in payload else _TYPE.get(status, default)
    found = payload.get("validationError")
    return {
        "error": {
            "message": str(refusal),
            "type": kind,
            "param": payload.get("param") or _first_field(found),
            "code": payload.get("code") or ("invalid_value" if found else _CODE.get(status)),
        }
    }


def _first_field(found: object) -> str | None:
    """Return the field that a body of a wrong shape is refused for, as `messages[0].role`."""
    if not isinstance(found, list) or not found:
        return None
    name = ""
    for part in found[0]["loc"]:
        if isinstance(part, int):
            name += f"[{part}]"
        elif name and not _is_field(part):
            break
        else:
            name += f".{part}" if name else str(part)
    return name or None


def _is_field(part: str) -> bool:
    """Whether a part of a place is a field's name: of a union, it also is a type such as `str`."""
    return part.replace("_", "").isalpha() and part not in {"str", "list", "constrained-str"}
