"""Counts what is asked through OpenAI's API and by rows of `complete()`, and writes the counts.

A request only adds to numbers in memory. A thread writes them, as the sums of this process and not
as what was added since: a statement whose outcome is unknown is simply repeated.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqltune.database.connection import Database
from sqltune.database.tables.served_use import UseCounts, UseKey, save_served_use
from sqltune.errors import DatabaseError

logger = logging.getLogger(__name__)

#: Pause between two writes, and between two attempts at the last one.
PAUSE_SECONDS = 2.0
_LAST_ATTEMPTS = 3
#: How long the end waits for the last write: a server that is to stop is ended soon after.
_LAST_SECONDS = 8.0


class RequestOutcome(StrEnum):
    """How a request ended."""

    ANSWERED = "answered"
    FAILED = "failed"
    #: The client hung up.
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class EndedRequest:
    """A request for a model that was found."""

    model_name: str
    #: None: the base model itself.
    version_number: int | None
    #: Both as one name.
    label: str
    outcome: RequestOutcome
    seconds: float
    #: Of the answers; 0 where there are none.
    prompt_tokens: int = 0
    output_tokens: int = 0


class UseRecorder:
    """Counts the requests of one process; its thread writes the counts until `stop`."""

    def __init__(
        self,
        database: Database,
        *,
        server_key: str,
        now: Callable[[], datetime],
        pause_seconds: float = PAUSE_SECONDS,
        last_seconds: float = _LAST_SECONDS,
    ) -> None:
        """Begin at zero.

        Args:
            database: with our tables.
            server_key: unique to this process.
            now: returns the time, in UTC.
            pause_seconds: between two writes.
            last_seconds: how long `stop` waits for the last one.
        """
        self._database = database
        self._server_key = server_key
        self._now = now
        self._pause_seconds = pause_seconds
        self._last_seconds = last_seconds
        self._lock = threading.Lock()
        self._counts: dict[UseKey, UseCounts] = {}
        self._unsaved: set[UseKey] = set()
        self._being_saved: set[UseKey] = set()
        self._hour = datetime.min
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="use", daemon=True)

    def start(self) -> None:
        """Write from now on."""
        self._thread.start()

    def count(self, request: EndedRequest) -> None:
        """Count a request; waits for no database."""
        hour = self._now().replace(minute=0, second=0, microsecond=0)
        with self._lock:
            # Never back, whatever the clock does: what an hour had is forgotten once it is over.
            self._hour = max(self._hour, hour)
            key = UseKey(request.model_name, request.version_number or 0, self._hour)
            counts = self._counts.setdefault(key, UseCounts())
            counts.request_count += 1
            counts.error_count += request.outcome is RequestOutcome.FAILED
            counts.cancelled_count += request.outcome is RequestOutcome.CANCELLED
            if request.outcome is RequestOutcome.ANSWERED:
                tokens = (request.prompt_tokens, request.output_tokens)
                counts.add_answer(round(request.seconds * 1000, 3), *tokens)
            self._unsaved.add(key)

    def stop(self) -> None:
        """Write what is not written yet, and end the thread; a silent database is left behind."""
        self._stopped.set()
        self._thread.join(self._last_seconds)
        with self._lock:
            unsaved = self._unsaved | self._being_saved
            lost = sum(self._counts[key].request_count for key in unsaved)
        if lost:
            logger.error(
                "the counts of up to %d requests could not be written to served_use",
                lost,
                extra={"event": "use_not_saved"},
            )

    def _run(self) -> None:
        while not self._stopped.wait(self._pause_seconds):
            self._save()
        for attempt in range(_LAST_ATTEMPTS):
            if attempt:
                threading.Event().wait(self._pause_seconds)
            if self._save():
                return

    def _save(self) -> bool:
        """Write what has changed; return whether all of it is written."""
        with self._lock:
            changed = {key: deepcopy(self._counts[key]) for key in self._unsaved}
            self._being_saved, self._unsaved = self._unsaved, set()
        for key, counts in changed.items():
            try:
                with self._database.transaction() as session:
                    save_served_use(
                        session, key, counts, server_key=self._server_key, now=self._now()
                    )
            except DatabaseError as error:
                with self._lock:
                    self._unsaved |= self._being_saved
                    self._being_saved = set()
                logger.warning(
                    "what was asked is not written to served_use yet: %s",
                    error,
                    extra={"event": "use_not_saved"},
                )
                return False
        with self._lock:
            self._being_saved = set()
            past = [key for key in self._counts if key.hour_at < self._hour]
            for key in past:
                if key not in self._unsaved:
                    del self._counts[key]
        return True
