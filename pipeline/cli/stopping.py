"""SIGTERM and the first Ctrl-C ask the work to stop; the second Ctrl-C ends the process at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from pipeline.cli.output import say


class StopRequest:
    """Whether this process was asked to stop, and by which signal."""

    def __init__(self, said: str) -> None:
        """Nobody has asked yet; `said` is what a person is told then."""
        self._said = said
        self.event = threading.Event()
        self.signal_number: int | None = None

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Take note; a second Ctrl-C is not waited for."""
        if self.event.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal_number = number
        self.event.set()
        say(f"{self._said} (Ctrl-C again ends at once)")


@contextmanager
def stop_on_signals(said: str = "stopping: the run stays resumable") -> Iterator[StopRequest]:
    """Turn signals into a request to stop while the block runs."""
    request = StopRequest(said)
    before = {n: signal.signal(n, request) for n in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
