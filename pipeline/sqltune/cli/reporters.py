"""Progress of long work: a moving bar on a terminal, plain lines otherwise."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import RLock
from typing import TYPE_CHECKING

from sqltune.cli.output import drawing_stream, say
from sqltune.cli.remaining import RemainingTime
from sqltune.visible import visible

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from sqltune.runtime import Reporter

#: A plain line at most this often, so that a log file stays readable.
_SECONDS_BETWEEN_LINES = 5.0
#: Characters of the bar itself: with what is around it, a line fits a terminal of 80.
_BAR_WIDTH = 16


def make_reporter(monotonic: Callable[[], float]) -> Reporter:
    """Return a bar if stderr is a terminal, else lines."""
    return BarReporter(monotonic) if sys.stderr.isatty() else LineReporter(monotonic)


class LineReporter:
    """Writes one line per event, and progress as lines at intervals."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """Measure the intervals by `monotonic`, in seconds."""
        self._monotonic = monotonic
        self._activity = ""
        self._written_at = 0.0
        self._pending: str | None = None
        self._remaining = RemainingTime(monotonic)

    def say(self, message: str) -> None:
        """Write the line."""
        self.finish()
        say(message)

    def progress(self, activity: str, done: int, total: int | None, detail: str = "") -> None:
        """Write a line when enough time has passed since the last."""
        now = self._monotonic()
        if activity != self._activity:
            self.finish()
            self._activity, self._written_at = activity, now
        remaining = self._remaining.estimate(activity, done, total)
        facts = [_amount(done, total), *filter(None, (detail, remaining))]
        if now - self._written_at >= _SECONDS_BETWEEN_LINES:
            say(f"  {activity}: {', '.join(facts)}")
            self._written_at, self._pending = now, None
        elif done:
            self._pending = f"  {activity}: {', '.join(facts)}"

    @contextmanager
    def busy(self, activity: str) -> Iterator[None]:
        """Write a line at once; what is shown meanwhile continues afterwards."""
        say(f"  {activity}")
        yield

    def finish(self) -> None:
        """Write the last state of the activity, unless it was written already."""
        if self._pending is not None:
            say(self._pending)
        self._pending, self._activity = None, ""


class BarReporter:
    """Shows a bar for the current activity, and events as lines above it.

    The thread that asks a model shows that it loads one, while the main thread shows answers.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """Draw nothing until there is progress; estimate the time left by `monotonic`."""
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._activity = ""
        self._remaining = RemainingTime(monotonic)
        self._lock = RLock()

    def say(self, message: str) -> None:
        """Write the line above the bar."""
        with self._lock:
            if self._bar is not None:
                self._bar.console.print(
                    visible(message), markup=False, highlight=False, soft_wrap=True
                )
            else:
                say(message)

    def progress(self, activity: str, done: int, total: int | None, detail: str = "") -> None:
        """Move the bar."""
        remaining = self._remaining.estimate(activity, done, total)
        facts = [
            *([_amount(done, total)] if done or total else []),
            *filter(None, (detail, remaining)),
        ]
        with self._lock:
            if activity != self._activity:
                self.finish()
                self._activity = activity
                self._start()
            assert self._bar is not None  # noqa: S101
            assert self._task is not None  # noqa: S101
            self._bar.update(
                self._task,
                description=visible(activity),
                completed=done,
                total=total,
                detail=visible(", ".join(facts)),
            )

    @contextmanager
    def busy(self, activity: str) -> Iterator[None]:
        """Show the activity with the time that it takes; afterwards, the one before again."""
        with self._lock:
            is_new = self._bar is None
            if is_new:
                self._start()
            bar, task = self._bar, self._task
            assert bar is not None  # noqa: S101
            assert task is not None  # noqa: S101
            before = bar.tasks[0]
            shown = (before.description, before.total, before.fields["detail"])
            bar.update(task, description=visible(activity), total=None, detail="")
        try:
            yield
        finally:
            with self._lock:
                if is_new and self._bar is bar and not self._activity:
                    self.finish()
                elif self._bar is bar:
                    description, total, detail = shown
                    bar.reset(task, description=description, total=total, detail=detail)

    def finish(self) -> None:
        """Stop the bar where it is."""
        with self._lock:
            if self._bar is not None:
                self._bar.stop()
            self._bar, self._task, self._activity = None, None, ""

    def _start(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
        from rich.table import Column

        self._bar = Progress(
            TextColumn("  {task.description}", markup=False, table_column=Column(no_wrap=True)),
            BarColumn(_BAR_WIDTH),
            TextColumn("{task.fields[detail]}", markup=False, table_column=Column(no_wrap=True)),
            TimeElapsedColumn(),
            console=Console(file=drawing_stream(sys.stderr)),
        )
        self._task = self._bar.add_task("", total=None, detail="")
        self._bar.start()


def _amount(done: int, total: int | None) -> str:
    return f"{done:,}" if total is None else f"{done:,} of {total:,}"
