"""Waits for a slow call to a service without being deaf: the call runs in a thread of its own.

The threads are daemons: a reply that never comes must not hold up the end of the process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

from sqltune.errors import PipelineError, ReplyLost, RunInterrupted

#: How often a wait looks whether the run must stop.
CHECK_SECONDS = 0.25
#: How long a process that is asked to stop waits for a reply: one that comes saves a rebuild.
GRACE_SECONDS = 10.0

Result = TypeVar("Result")


def wait_for(
    call: Callable[[], Result], check: Callable[[], None], is_closed: threading.Event
) -> Result:
    """Give what a call gives; meanwhile `check` is called several times a second.

    Raises:
        RunInterrupted: as `check` raised it, and the call was not over a while later.
        ReplyLost: the backend was closed meanwhile; what becomes of the call is not known.
    """
    future = _start(call)
    while not wait([future], CHECK_SECONDS).done:
        try:
            check()
        except RunInterrupted:
            if not wait([future], GRACE_SECONDS).done:
                raise
        if is_closed.is_set():
            raise ReplyLost("the backend was closed before the reply was there")
    return future.result()


def succeeds_within(call: Callable[[], object], seconds: float) -> bool:
    """Whether a call was over in time and went well."""
    future = _start(call)
    return bool(wait([future], seconds).done) and not isinstance(future.exception(), PipelineError)


def _start(call: Callable[[], Result]) -> Future[Result]:
    future: Future[Result] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # raised again in the thread that waits
            future.set_exception(error)

    threading.Thread(target=run, name="gradient", daemon=True).start()
    return future
