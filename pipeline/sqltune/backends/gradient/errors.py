"""Translates failures of requests to a service of Gradient's API into sqltune's own errors.

The API distinguishes errors by their `type`, not by their status. The token and the workspace id
are masked in everything that a service sends back before it is shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import httpx
from pydantic import ValidationError

from sqltune.backends.gradient.account import TOKEN, WORKSPACE, GradientAccount
from sqltune.errors import (
    AuthenticationFailed,
    BackendError,
    BackendTimeout,
    BackendUnavailable,
    LossNotFinite,
    PipelineError,
    RateLimited,
    ReplyLost,
    RequestRejected,
)
from sqltune.wire.gradient import ErrorReply, ErrorType

MOST_CHARACTERS = 500
CLOSED = "the gradient backend was closed"
#: Codes of errors that concern the model of a request, whatever the prompt is.
_UNKNOWN_MODEL_CODES = frozenset({"unknown_model_adapter", "unknown_base_model"})


@contextmanager
def translate_errors(account: GradientAccount) -> Iterator[None]:
    """Translate the exceptions of httpx.

    Raises:
        BackendUnavailable: nothing was sent, because there was no connection.
        BackendTimeout: the request was sent, and no reply arrived in time; its outcome is unknown.
        ReplyLost: the connection broke after the request was sent; its outcome is unknown.
    """
    where = f"the service at {account.url}"
    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as exc:
        raise BackendUnavailable(f"cannot reach {where}: {_describe(exc)}") from exc
    except httpx.TimeoutException as exc:
        raise BackendTimeout(f"{where} did not reply in time") from exc
    except (httpx.TransportError, httpx.DecodingError) as exc:
        raise ReplyLost(f"the connection to {where} broke before the reply arrived") from exc


def raise_refusal(account: GradientAccount, reply: httpx.Response, content: bytes) -> NoReturn:
    """Raise the error that a reply without success, with this body, stands for."""
    body = _read_error(reply, content)
    detail = _mask(body.message or reply.reason_phrase, account)
    where, status = f"the service at {account.url}", reply.status_code
    request_id = reply.headers.get("x-request-id")
    if status == httpx.codes.UNAUTHORIZED:
        raise AuthenticationFailed(f"{where} does not accept {TOKEN}: {detail}", status=status)
    if status == httpx.codes.FORBIDDEN:
        raise AuthenticationFailed(f"{where} does not accept {WORKSPACE}: {detail}", status=status)
    if status == httpx.codes.TOO_MANY_REQUESTS:
        seconds = _read_seconds(reply.headers.get("retry-after"))
        raise RateLimited(f"{where} is too busy: {detail}", retry_after_seconds=seconds)
    if body.type == ErrorType.NAN_LOSS.value:
        raise LossNotFinite(f"training at {where} did not yield a finite loss: {detail}")
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        raise BackendUnavailable(
            f"{where} failed ({status}): {detail}", status=status, request_id=request_id
        )
    raise RequestRejected(
        f"{where} refused the request ({status}): {detail}",
        status=status,
        request_id=request_id,
        code=_snake(body.type) if body.type else None,
    )


def is_worth_repeating(error: PipelineError, *, is_write: bool) -> bool:
    """Whether a request may be sent again after this error."""
    if isinstance(error, RateLimited):
        return True
    if isinstance(error, BackendUnavailable):
        return error.status is None or not is_write
    return isinstance(error, ReplyLost) and not is_write


def is_outcome_unknown(error: PipelineError) -> bool:
    """Whether a write that ended with this error may have been carried out nevertheless."""
    if isinstance(error, BackendUnavailable):
        return error.status is not None
    return isinstance(error, ReplyLost | BackendTimeout)


def is_about_one_prompt(error: PipelineError) -> bool:
    """Whether a completion failed because of its prompt; else other prompts would fail too."""
    if isinstance(error, RequestRejected):
        return error.status != httpx.codes.NOT_FOUND and error.code not in _UNKNOWN_MODEL_CODES
    # A service that is unavailable as a whole replies with 502, 503 or 504.
    return isinstance(error, BackendError) and error.status == httpx.codes.INTERNAL_SERVER_ERROR


def _read_error(reply: httpx.Response, content: bytes) -> ErrorReply:
    try:
        return ErrorReply.model_validate_json(content)
    except ValidationError:
        # The HTML page of a proxy says less than the status.
        return ErrorReply(message=reply.reason_phrase)


def _mask(text: str, account: GradientAccount) -> str:
    masked = text.replace(account.access_token, "***").replace(account.workspace_id, "***")
    return masked[:MOST_CHARACTERS]


def _describe(error: Exception) -> str:
    """Return the message of an operating system's error, without its number."""
    return re.sub(r"^\[Errno -?\d+\] ", "", str(error)) or type(error).__name__


def _read_seconds(text: str | None) -> float | None:
    """Return a Retry-After header in seconds; None: it is missing or a date."""
    return float(text) if text is not None and re.fullmatch(r"\d+(\.\d+)?", text) else None


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()[:64]
