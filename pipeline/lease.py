"""Keeping an adapter's lease alive while a run works, and hearing that the run must not go on.

A thread renews the lease and reads what a person wants of the run; the working thread asks `check`
between small pieces of work. Nothing is interrupted by force: what was committed stays, and the
rest is done again by whoever resumes.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime
from types import TracebackType

from pipeline.database import runs, states
from pipeline.database.connection import Database
from pipeline.errors import DatabaseError, LeaseLost, RunCancelled, RunInterrupted
from pipeline.records import Claim

logger = logging.getLogger(__name__)

#: A person who cancels waits at most this long for the runner to notice.
_LONGEST_BEAT_SECONDS = 2.0


class LeaseKeeper:
    """Holds one adapter's lease from `with` to the end of the block."""

    def __init__(
        self,
        database: Database,
        claim: Claim,
        *,
        lease_seconds: float,
        now: Callable[[], datetime],
        stop: threading.Event,
    ) -> None:
        """Keep `claim` alive by a beat every third of `lease_seconds`, until `stop` or the end of
        the block.
        """
        self._database = database
        self._claim = claim
        self._lease_seconds = lease_seconds
        self._now = now
        self._stop = stop
        self._done = threading.Event()
        self._lost = threading.Event()
        self._cancelled = threading.Event()
        self._run_id: int | None = None
        self._thread = threading.Thread(target=self._beat, name="lease", daemon=True)

    def __enter__(self) -> LeaseKeeper:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._done.set()
        self._thread.join()

    def watch(self, run_id: int) -> None:
        """Look now and from now on for a person's wish to cancel this run."""
        self._run_id = run_id
        self._look_for_cancel(run_id)

    def check(self) -> None:
        """Raise when the work must not go on.

        Raises:
            LeaseLost: another runner has the adapter.
            RunCancelled: a person asked for the end of the run.
            RunInterrupted: this process was asked to stop.
        """
        if self._lost.is_set():
            raise LeaseLost(f"another runner took over {self._claim.adapter_name!r}")
        if self._cancelled.is_set():
            raise RunCancelled("a person asked for the end of this run")
        if self._stop.is_set():
            raise RunInterrupted("this process was asked to stop; the next sync goes on from here")

    def _beat(self) -> None:
        pause = min(self._lease_seconds / 3, _LONGEST_BEAT_SECONDS)
        while not self._done.wait(pause):
            try:
                self._renew()
            except DatabaseError as error:
                # A lost connection is no lost lease: the next beat tries again, and every write is
                # fenced anyway.
                logger.warning(
                    "the lease of %s could not be renewed: %s",
                    self._claim.adapter_name,
                    error,
                    extra={"event": "lease_renewal_failed", "adapter": self._claim.adapter_name},
                )

    def _renew(self) -> None:
        held = states.renew_lease(
            self._database, self._claim, lease_seconds=self._lease_seconds, now=self._now()
        )
        if not held:
            self._lost.set()
            self._done.set()
            logger.warning(
                "the lease of %s was lost",
                self._claim.adapter_name,
                extra={"event": "lease_lost", "adapter": self._claim.adapter_name},
            )
        elif self._run_id is not None:
            self._look_for_cancel(self._run_id)

    def _look_for_cancel(self, run_id: int) -> None:
        with self._database.read() as session:
            if runs.get_desired_state(session, run_id) == "cancelled":
                self._cancelled.set()
