"""How many rows one transaction writes: it may lock them for 200 ms, so that no INSERT of a person
waits for a run.
"""

from __future__ import annotations

import time
from collections.abc import Callable

#: Time that one transaction should take; the limit is 0.2.
_TARGET_SECONDS = 0.06
_FEWEST_ROWS, _FIRST_ROWS, _MOST_ROWS = 20, 200, 20_000


class Pace:
    """The number of rows that one transaction may write: as many as take `_TARGET_SECONDS`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with few rows."""
        self.rows = _FIRST_ROWS
        self.seconds = 0.0  #: how long the last transaction took
        self._clock = clock
        self._began = 0.0

    def begin(self) -> None:
        """Record that the transaction has its lock."""
        self._began = self._clock()

    def end(self, rows: int) -> None:
        """Record that the transaction with this many rows is committed."""
        self.seconds = max(self._clock() - self._began, 1e-4)
        wanted = int(rows * _TARGET_SECONDS / self.seconds)
        if rows < self.rows and wanted > self.rows:
            return  # a short last chunk says little
        self.rows = max(_FEWEST_ROWS, min(wanted, 2 * self.rows, _MOST_ROWS))
