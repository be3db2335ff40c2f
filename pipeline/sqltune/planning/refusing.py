"""What a plan that could not be made is refused with."""

from __future__ import annotations

import logging

from sqltune.errors import (
    BackendError,
    ConfigError,
    DatabaseUnavailable,
    DataError,
    InternalError,
    PipelineError,
)

logger = logging.getLogger(__name__)

#: What only ends a process, and is never one adapter's failure.
ENDS_PROCESS = (KeyboardInterrupt, SystemExit)
_REFUSALS = (ConfigError, DataError, BackendError, DatabaseUnavailable)


def refusal_of(error: BaseException) -> PipelineError:
    """Return what is recorded about one adapter; an error that concerns all of them passes.

    Native code raises exceptions that are no `Exception`, such as the panics of Rust.
    """
    if isinstance(error, _REFUSALS):
        return error
    if isinstance(error, (PipelineError, *ENDS_PROCESS)):
        raise error
    logger.error("planning failed", exc_info=error, extra={"event": "planning_failed"})
    return internal_error(error)


def request_error(column: str, message: str, code: str = "request_refused") -> DataError:
    """Return why a row of `runs` cannot be carried out, with its column at fault."""
    return DataError(message, table="runs", column=column, code=code)


def internal_error(error: BaseException) -> InternalError:
    """Return an unexpected error as one of ours."""
    return InternalError(f"internal error: {type(error).__name__}: {error}")
