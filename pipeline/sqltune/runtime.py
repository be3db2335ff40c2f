"""What one process works with: database, backends, settings, clock, and who hears of progress.

Built once by wiring and passed in; nothing here is global.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqltune.backends.base import Backend
from sqltune.database.connection import Database
from sqltune.settings import Settings


class Reporter(Protocol):
    """Who tells a person how the work goes on."""

    def say(self, message: str) -> None:
        """Tell one thing that happened."""
        ...

    def progress(self, activity: str, done: int, total: int | None, detail: str = "") -> None:
        """Tell how far an activity came; `total` is None where the end is not known."""
        ...

    def finish(self) -> None:
        """Tell that the activity shown last is over."""
        ...


class SilentReporter:
    """A reporter for callers who do not want to hear anything."""

    def say(self, message: str) -> None:
        """Keep quiet."""

    def progress(self, activity: str, done: int, total: int | None, detail: str = "") -> None:
        """Keep quiet."""

    def finish(self) -> None:
        """Keep quiet."""


@dataclass(frozen=True)
class Runtime:
    """The parts that planning and running need."""

    database: Database
    selection_database: Database  #: may only read; the same server as `database`, or another
    backend: Callable[
        [str], Backend
    ]  #: gives the backend of a name, built once; ConfigError if unknown or not allowed
    settings: Settings
    now: Callable[[], datetime]  #: UTC
    new_id: Callable[[], str]  #: a fresh unique name
    reporter: Reporter
