"""What one process works with: database, backends, settings, clock, and the reporter of progress.

Built once by wiring and passed in; nothing here is global.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from sqltune.database.connection import Database
from sqltune.database.patience import PAUSES_SECONDS
from sqltune.records import Claim
from sqltune.settings import Settings

if TYPE_CHECKING:
    # The selection is loaded on first use: `status` does without.
    from sqltune.backends.base import Backend
    from sqltune.selection import ForgottenHashes, SelectionReader


class Reporter(Protocol):
    """Shows a person how the work progresses."""

    def say(self, message: str) -> None:
        """Report one event."""
        ...

    def progress(self, activity: str, done: int, total: int | None, detail: str = "") -> None:
        """Report how far an activity has progressed; `total` is None if the end is unknown."""
        ...

    def busy(self, activity: str) -> AbstractContextManager[None]:
        """Report that something without a known end takes long, until the block ends.

        It may be called in another thread while an activity is shown, which continues afterwards.
        """
        ...

    def finish(self) -> None:
        """Report that the activity shown last is over."""
        ...


class SilentReporter:
    """A reporter that reports nothing."""

    def say(self, message: str) -> None:
        """Ignore it."""

    def progress(self, activity: str, done: int, total: int | None, detail: str = "") -> None:
        """Ignore it."""

    def busy(self, activity: str) -> AbstractContextManager[None]:
        """Ignore it."""
        return nullcontext()

    def finish(self) -> None:
        """Ignore it."""


@dataclass(frozen=True)
class Runtime:
    """The parts that planning and running need."""

    database: Database
    selection_database: Database  #: may only read; the same server as `database`, or another
    #: Returns the backend of a name, built once; ConfigError if it is unknown or not allowed.
    backend: Callable[[str], Backend]
    settings: Settings
    now: Callable[[], datetime]  #: UTC
    new_id: Callable[[], str]  #: a fresh unique name
    reporter: Reporter
    #: Pauses between attempts while the database is unavailable.
    pauses_seconds: Sequence[float] = PAUSES_SECONDS
    #: Leases that this process gave up while the database was unavailable.
    unreleased: list[Claim] = field(default_factory=list)

    def selection_reader(self, check: Callable[[], None]) -> SelectionReader:
        """Return what reads adapters' selections; `check` is called while rows are read."""
        from sqltune.selection import SelectionReader

        limit = self.settings.selection_timeout_seconds
        return SelectionReader(self.selection_database, check, limit, self.load_forgotten())

    def load_forgotten(self) -> ForgottenHashes | None:
        """Return what was forgotten and may not be trained, asked or stored; None: nothing was."""
        from sqltune.selection import load_forgotten

        return load_forgotten(self.database, self.settings.forget_key)
