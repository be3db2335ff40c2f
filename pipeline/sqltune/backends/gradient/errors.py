"""What goes wrong between us and a service of Gradient's API, as errors of ours.

Clients branch on the `type` of an error, not on its status. Nothing that a service sends back is
shown without looking for our token in it.
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
#: What is refused for the model that was named, whatever the prompt is.
_UNKNOWN_MODEL = frozenset({ErrorType.UNKNOWN_ADAPTER.value, ErrorType.UNKNOWN_BASE_MODEL.value})


@contextmanager
def translate_errors(account: GradientAccount) -> Iterator[None]:
    """Turn what httpx raises into errors of ours.

    Raises:
        BackendUnavailable: nothing was sent, because there was no connection.
        BackendTimeout, ReplyLost: the request was sent, and what came of it is not known.
    """
    where = f"the service at {account.url}"
    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as exc:
        raise BackendUnavailable(f"cannot reach {where}: {_words(exc)}") from exc
    except httpx.TimeoutException as exc:
        raise BackendTimeout(f"{where} did not reply in time") from exc
    except (httpx.TransportError, httpx.DecodingError) as exc:
        raise ReplyLost(f"the connection to {where} broke before its reply was there") from exc


def raise_refusal(account: GradientAccount, reply: httpx.Response) -> NoReturn:
    """Raise what a reply that is no success means."""
    told = _read_error(reply)
    said = _clean(told.message or reply.reason_phrase, account)
    where, status = f"the service at {account.url}", reply.status_code
    request_id = reply.headers.get("x-request-id")
    if status == httpx.codes.UNAUTHORIZED:
        raise AuthenticationFailed(f"{where} does not accept {TOKEN}: {said}", status=status)
    if status == httpx.codes.FORBIDDEN:
        raise AuthenticationFailed(f"{where} does not accept {WORKSPACE}: {said}", status=status)
    if status == httpx.codes.TOO_MANY_REQUESTS:
        seconds = _read_seconds(reply.headers.get("retry-after"))
        raise RateLimited(f"{where} is too busy: {said}", retry_after_seconds=seconds)
    if told.type == ErrorType.NAN_LOSS.value:
        raise LossNotFinite(f"{where} trained and got no finite loss: {said}")
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        raise BackendUnavailable(
            f"{where} is out of order ({status}): {said}", status=status, request_id=request_id
        )
    raise RequestRejected(
        f"{where} refused the request ({status}): {said}",
        status=status,
        request_id=request_id,
        code=_snake(told.type) if told.type else None,
    )


def is_worth_repeating(error: PipelineError, *, is_write: bool) -> bool:
    """Say whether a request may be sent again after this error."""
    if isinstance(error, RateLimited):
        return True
    if isinstance(error, BackendUnavailable):
        return error.status is None or not is_write
    return isinstance(error, ReplyLost) and not is_write


def is_outcome_unknown(error: PipelineError) -> bool:
    """Say whether a write that ended so may have been carried out all the same."""
    if isinstance(error, BackendUnavailable):
        return error.status is not None
    return isinstance(error, ReplyLost | BackendTimeout)


def is_about_one_prompt(error: PipelineError) -> bool:
    """Say whether a complete was refused for its prompt; else no other would fare better."""
    if isinstance(error, RequestRejected):
        return error.status != httpx.codes.NOT_FOUND and error.code not in _UNKNOWN_CODES
    # A service that is out of order as a whole says 502, 503 or 504.
    return isinstance(error, BackendError) and error.status == httpx.codes.INTERNAL_SERVER_ERROR


def _read_error(reply: httpx.Response) -> ErrorReply:
    try:
        return ErrorReply.model_validate_json(reply.content)
    except ValidationError:
        # A proxy's page of HTML says less than the status.
        return ErrorReply(message=reply.reason_phrase)


def _clean(text: str, account: GradientAccount) -> str:
    shown = text.replace(account.access_token, "***").replace(account.workspace_id, "***")
    return shown[:MOST_CHARACTERS]


def _words(error: Exception) -> str:
    """Give the words of an error of the operating system, without its number."""
    return re.sub(r"^\[Errno -?\d+\] ", "", str(error)) or type(error).__name__


def _read_seconds(text: str | None) -> float | None:
    """Give a Retry-After in seconds; a date in its place is left out."""
    return float(text) if text is not None and re.fullmatch(r"\d+(\.\d+)?", text) else None


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()[:64]


_UNKNOWN_CODES = frozenset(_snake(name) for name in _UNKNOWN_MODEL)
