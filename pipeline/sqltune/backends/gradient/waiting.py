"""Waits for slow calls to a service: each call runs in its own thread, so the wait can be ended.

The threads are daemons: a reply that never arrives must not delay the end of the process.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

from sqltune.errors import BackendTimeout, PipelineError, ReplyLost, RunInterrupted

#: How often a wait checks whether the run must stop.
CHECK_SECONDS = 0.25
#: How long a process that is asked to stop waits for a reply: one that arrives avoids a rebuild.
GRACE_SECONDS = 10.0

Result = TypeVar("Result")


def wait_for(
    call: Callable[[], Result],
    check: Callable[[], None],
    is_closed: threading.Event,
    *,
    most_seconds: float = float("inf"),
) -> Result:
    """Return the result of a call; `check` is called several times a second meanwhile.

    Raises:
        RunInterrupted: `check` raised it, and the call did not end within the grace period.
        ReplyLost: the backend was closed during the call, whose outcome is unknown.
        BackendTimeout: it took longer than `most_seconds`, as a reply whose head never ends does.
    """
    future, deadline = _start(call), time.monotonic() + most_seconds
    while not wait([future], CHECK_SECONDS).done:
        try:
            check()
        except RunInterrupted:
            if not wait([future], GRACE_SECONDS).done:
                raise
        if is_closed.is_set():
            raise ReplyLost("the backend was closed before the reply arrived")
        if time.monotonic() > deadline:
            raise BackendTimeout(f"the service did not reply within {most_seconds:g} seconds")
    return future.result()


def succeeds_within(call: Callable[[], object], seconds: float) -> bool:
    """Whether a call succeeds within a time limit."""
    future = _start(call)
    return bool(wait([future], seconds).done) and not isinstance(future.exception(), PipelineError)


def _start(call: Callable[[], Result]) -> Future[Result]:
    future: Future[Result] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # raised in the waiting thread
            future.set_exception(error)

    threading.Thread(target=run, name="gradient", daemon=True).start()
    return future
