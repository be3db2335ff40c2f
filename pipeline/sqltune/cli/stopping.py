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

    A signal's handler runs between any two instructions of the main thread, also where that holds
    the lock of `event` or of stderr: taking either there again would wait for ever. A handler
    may put into a SimpleQueue; a thread of its own does the rest.
    """

    def __init__(self, said: str) -> None:
        """Nobody has asked yet; `said` is what a person is told then."""
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
        """Take note; a second Ctrl-C is not waited for."""
        if self.signal_number is not None:
            if number == signal.SIGINT:
                raise KeyboardInterrupt
            return
        self.signal_number = number
        self._is_wanted.put(True)

    def _pass_on(self) -> None:
        while self._is_wanted.get():
            self.event.set()
            with suppress(OSError):  # nobody reads stderr any more: the work stops all the same
                say(f"{self._said} (Ctrl-C again ends at once)")


@contextmanager
def stop_on_signals(said: str = "stopping: the run stays resumable") -> Iterator[StopRequest]:
    """Turn signals into a request to stop while the block runs."""
    with StopRequest(said) as request:
        before = {n: signal.signal(n, request) for n in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield request
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
