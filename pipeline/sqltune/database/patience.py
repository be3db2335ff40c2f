"""Retries around a whole step of work while the database is unavailable for a moment."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from sqltune.errors import DatabaseUnavailable

logger = logging.getLogger(__name__)

#: Pauses between attempts, in seconds; together as long as a server takes to restart.
PAUSES_SECONDS = (0.1, 0.3, 1.0, 2.0, 4.0, 8.0)

Result = TypeVar("Result")


def with_patience(
    step: Callable[[], Result],
    stop: threading.Event,
    pauses_seconds: Sequence[float] = PAUSES_SECONDS,
) -> Result:
    """Run a step, and run it again after a pause if the database was unavailable or refused a lock.

    Every step can be repeated: it skips what is committed, so that a commit whose reply was lost
    is read back instead of being made twice.

    Args:
        step: the work.
        stop: ends the waiting.
        pauses_seconds: one pause per further attempt.

    Raises:
        DatabaseUnavailable: the database stayed unavailable, or this process is to stop.
    """
    for seconds in pauses_seconds:
        try:
            return step()
        except DatabaseUnavailable as error:
            logger.warning(
                "the database is unavailable; retrying in %s s: %s",
                seconds,
                error,
                extra={"event": "database_unavailable", "wait_seconds": seconds},
            )
            if stop.wait(seconds):
                raise
    return step()
