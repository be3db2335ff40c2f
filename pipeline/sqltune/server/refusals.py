"""The refusals of the API: what is wrong with a call, as a client reads it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from sqltune.errors import BackendError, DataError, FilesNotWritten, LossNotFinite, PipelineError
from sqltune.errors import CallRefused as CallRefused
from sqltune.wire.gradient import ErrorType

logger = logging.getLogger(__name__)


def refuse(
    error_type: ErrorType, message: str, *, payload: Mapping[str, Any] | None = None
) -> CallRefused:
    """Return a refusal with the status of its type."""
    return CallRefused(message, status=STATUS[error_type], type=error_type.value, payload=payload)


#: Clients branch on the type; the service's own codes are not on record.
STATUS = {
    ErrorType.BODY_PARSING: 400,
    ErrorType.QUERY_OR_PATH_PARSING: 400,
    ErrorType.FLAGGED_CONTENT: 400,
    ErrorType.UNKNOWN_ADAPTER: 404,
    ErrorType.UNPROCESSABLE: 422,
    ErrorType.UNKNOWN_BASE_MODEL: 404,
    ErrorType.UNKNOWN_RAG_COLLECTION: 404,
    ErrorType.NO_RAG_DOCUMENTS: 404,
    ErrorType.RAG_REQUIRES_TEMPLATING: 400,
    ErrorType.NO_GUIDANCE: 400,
    ErrorType.NOT_TUNABLE: 400,
    ErrorType.NAN_LOSS: 422,
    ErrorType.FAILED: 400,
}


def queue_full(most_waiting: int) -> CallRefused:
    """Refuse a call that cannot wait. No Retry-After: the SDK would sleep silently."""
    return CallRefused(
        f"the server is busy: {most_waiting} calls are waiting already; try again later",
        status=429,
        type=ErrorType.FAILED.value,
    )


def bodies_full() -> CallRefused:
    """Refuse a large body while others are read or worked on."""
    return CallRefused(
        "the server is busy: the bodies of other calls take all the memory that is set apart for "
        "bodies; try again later, or send it in several calls",
        status=429,
        type=ErrorType.FAILED.value,
    )


def stopping() -> CallRefused:
    """Refuse a call of a server that ends; what it trained is as it was before the call."""
    return CallRefused(
        "the server is stopping; this call changed nothing",
        status=503,
        type=ErrorType.FAILED.value,
    )


def unknown_model(model_id: str, error_type: ErrorType) -> CallRefused:
    """Refuse a call to a model that does not exist."""
    return refuse(error_type, f"there is no model {model_id[:60]!r}: see the list of models")


def translate(error: Exception) -> CallRefused:
    """Return what a client reads of an error that ended its call; log one that nobody expects."""
    match error:
        case CallRefused():
            return error
        case LossNotFinite():
            return refuse(ErrorType.NAN_LOSS, f"{error}; the weights stay as they were")
        case DataError():
            return refuse(ErrorType.UNPROCESSABLE, str(error))
        case BackendError(code="prompt_too_long"):
            return refuse(ErrorType.UNPROCESSABLE, str(error))
        case PipelineError():
            # Only a person can free a full disk: no client should retry at once.
            is_passing = error.retryable and not isinstance(error, FilesNotWritten)
            status = 503 if is_passing else 500
            return CallRefused(str(error), status=status, type=ErrorType.FAILED.value)
        case _:
            logger.error(
                "an unexpected error ended a call", exc_info=error, extra={"event": "call_failed"}
            )
            return CallRefused(
                "an unexpected error in the server; its log has the details", status=500
            )
