"""One run as its runner reads and writes it: every write is fenced by the adapter's lease."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from sqltune.database.connection import Database, Session
from sqltune.records import Claim


@dataclass(frozen=True, slots=True)
class RunScope:
    """What the work on one run needs to read, to write, and to know when it must stop."""

    database: Database
    claim: Claim  #: the lease that every transaction checks first
    run_id: int
    check: Callable[[], None]  #: raises when the work must stop
    now: Callable[[], datetime]  #: UTC

    def transaction(self) -> AbstractContextManager[Session]:
        """Return a session that is committed at the end of the block, while the lease is owned.

        Raises:
            LeaseLost: another runner owns the adapter now; nothing is written.
        """
        return self.database.transaction(self.claim)

    def read(self) -> AbstractContextManager[Session]:
        """Return a session for a short read."""
        return self.database.read()
