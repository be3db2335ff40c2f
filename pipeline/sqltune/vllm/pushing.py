"""When a running vLLM is compared with the alias live: after a sync, and beside a worker's runs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqltune.database.connection import Database
from sqltune.database.tables import vllm_calls
from sqltune.database.tables.vllm_calls import LiveWeights
from sqltune.settings import Settings

#: A worker asks the server for its list this often, and at once where what is live has changed.
LISTING_PAUSE = timedelta(seconds=15)


@dataclass
class Pushing:
    """A worker's pushing: often enough, and not at every poll."""

    database: Database
    settings: Settings
    now: Callable[[], datetime]  #: UTC
    stop: threading.Event
    #: What was live at the last pass; None: there was none.
    seen: list[LiveWeights] | None = None
    next_at: datetime | None = None

    def push_due(self) -> None:
        """Make a pass if what is live has changed, or the time has come.

        Raises:
            DatabaseError: the rows could not be read or written.
        """
        with self.database.read() as session:
            live = vllm_calls.list_live_weights(session)
        if live == self.seen and self.next_at is not None and self.now() < self.next_at:
            return
        push_live(self.database, self.settings, now=self.now, stop=self.stop)
        self.seen, self.next_at = live, self.now() + LISTING_PAUSE


def push_live(
    database: Database, settings: Settings, *, now: Callable[[], datetime], stop: threading.Event
) -> bool:
    """Compare what is live with what vLLM lists, and make the calls that are due.

    Args:
        database: with the rows.
        settings: vllm_url None: nothing is done.
        now: UTC; asked again for each call, since each may take seconds.
        stop: set when this process is to end: no further call is made.

    Returns:
        Whether the server was reached; what is wrong is logged.

    Raises:
        DatabaseError: the rows could not be read or written.
    """
    if settings.vllm_url is None:
        return True
    # httpx and pydantic take a quarter of a second, which a sync without vLLM does not spend.
    from sqltune.vllm.comparing import compare

    return compare(database, settings, settings.vllm_url, now=now, stop=stop)
