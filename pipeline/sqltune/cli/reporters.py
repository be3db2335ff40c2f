"""Progress of long work: a moving bar on a terminal, plain lines otherwise."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from sqltune.cli.output import say

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from sqltune.runtime import Reporter

#: A plain line at most this often, so that a log file stays readable.
_SECONDS_BETWEEN_LINES = 5.0


def make_reporter(monotonic: Callable[[], float]) -> Reporter:
    """Return a bar if stderr is a terminal, else lines."""
    return BarReporter() if sys.stderr.isatty() else LineReporter(monotonic)


class LineReporter:
    """Writes one line per event, and progress as lines at intervals."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """Measure the intervals by `monotonic`, in seconds."""
        self._monotonic = monotonic
        self._activity = ""
        self._written_at = 0.0
        self._pending: str | None = None

    def say(self, message: str) -> None:
        """Write the line."""
        self.finish()
        say(message)

    def progress(self, activity: str, done: int, total: int | None, detail: str = "") -> None:
        """Write a line when enough time has passed since the last."""
        line = f"  {activity}: {_amount(done, total)}{f', {detail}' if detail else ''}"
        now = self._monotonic()
        if activity != self._activity:
            self.finish()
            self._activity, self._written_at = activity, now
        if now - self._written_at >= _SECONDS_BETWEEN_LINES:
            say(line)
            self._written_at, self._pending = now, None
        else:
            self._pending = line

    def finish(self) -> None:
        """Write the last state of the activity, unless it was written already."""
        if self._pending is not None:
            say(self._pending)
        self._pending, self._activity = None, ""


class BarReporter:
    """Shows a bar for the current activity, and events as lines above it."""

    def __init__(self) -> None:
        """Draw nothing until there is progress."""
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._activity = ""

    def say(self, message: str) -> None:
        """Write the line above the bar."""
        if self._bar is not None:
            self._bar.console.print(message, markup=False, highlight=False)
        else:
            say(message)

    def progress(self, activity: str, done: int, total: int | None, detail: str = "") -> None:
        """Move the bar."""
        if activity != self._activity or self._bar is None or self._task is None:
            self.finish()
            self._start(activity)
        assert self._bar is not None  # noqa: S101
        assert self._task is not None  # noqa: S101
        self._bar.update(self._task, completed=done, total=total, detail=detail)

    def finish(self) -> None:
        """Stop the bar where it is."""
        if self._bar is not None:
            self._bar.stop()
        self._bar, self._task, self._activity = None, None, ""

    def _start(self, activity: str) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
        )

        self._bar = Progress(
            TextColumn("  {task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[detail]}"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
        )
        self._task = self._bar.add_task(activity, total=None, detail="")
        self._activity = activity
        self._bar.start()


def _amount(done: int, total: int | None) -> str:
    return f"{done:,}" if total is None else f"{done:,} of {total:,}"
