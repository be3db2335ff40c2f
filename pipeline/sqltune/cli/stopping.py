"""SIGTERM and the first Ctrl-C ask the work to stop; the second Ctrl-C ends the process at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from types import FrameType

from sqltune.cli.output import say


class StopRequest:
    """Whether this process was asked to stop, and by which signal.

    A signal handler runs between any two instructions of the main thread, even while that owns the
    lock of `event` or of stderr, so acquiring either would deadlock. A handler may put into a
    SimpleQueue; a separate thread does the rest.
    """

    def __init__(self, said: str) -> None:
        """Start without a request; `said` is the message that is shown once there is one."""
        self._said = said
        self.event = threading.Event()
        self.signal_number: int | None = None
        self._is_wanted: SimpleQueue[bool] = SimpleQueue()
        self._thread = threading.Thread(target=self._pass_on, name="stopping", daemon=True)

    def __enter__(self) -> StopRequest:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._is_wanted.put(False)
        self._thread.join()

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Record the signal; a second Ctrl-C interrupts at once."""
        if self.signal_number is not None:
            if number == signal.SIGINT:
                raise KeyboardInterrupt
            return
        self.signal_number = number
        self._is_wanted.put(True)

    def _pass_on(self) -> None:
        while self._is_wanted.get():
            self.event.set()
            with suppress(OSError):  # stderr may be closed; the work stops all the same
                say(f"{self._said} (Ctrl-C again ends at once)")


@contextmanager
def stop_on_signals(said: str = "stopping: a run stays resumable") -> Iterator[StopRequest]:
    """Turn signals into a request to stop while the block runs."""
    with StopRequest(said) as request:
        before = {n: signal.signal(n, request) for n in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield request
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
