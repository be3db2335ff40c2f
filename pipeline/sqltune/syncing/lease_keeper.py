"""Keeping an adapter's lease alive while a run works, and hearing that the run must not go on.

A thread renews the lease, shows in the run's row that it lives, and reads what a person wants of
it; the working thread asks `check` between small pieces of work. Nothing is interrupted by force:
what was committed stays, and the rest is done again by whoever resumes.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType

from sqltune.database.connection import Database, Session
from sqltune.database.tables import requests, runs, states
from sqltune.errors import LeaseLost, RunCancelled, RunInterrupted, RunPaused
from sqltune.records import OPEN_STATES, Claim, DesiredState, RunState

logger = logging.getLogger(__name__)

#: A person who cancels waits at most this long for the runner to notice.
_LONGEST_BEAT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class _Progress:
    """How far the run was when it last came on."""

    mark: tuple[object, ...]
    at: float  #: by the monotonic clock


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
        stall_seconds: float = 900.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Keep `claim` alive by a beat every third of `lease_seconds`, until `stop` or the end of
        the block; a run without a step or an answer for `stall_seconds` is marked as stuck.
        """
        self._database = database
        self._claim = claim
        self._lease_seconds = lease_seconds
        self._now = now
        self._stop = stop
        self._stall_seconds = stall_seconds
        self._monotonic = monotonic
        self._done = threading.Event()
        self._lost = threading.Event()
        self._run_id: int | None = None
        self._wish: tuple[int, str] | None = None  # of which run, and what is wanted of it
        self._progress: _Progress | None = None
        self._is_stuck = False
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
        """Look now and from now on for what a person wants of this run."""
        self._progress, self._is_stuck = None, False
        self._run_id = run_id
        with self._database.read() as session:
            self._wish = (run_id, runs.get_desired_state(session, run_id))

    def rest(self) -> None:
        """Look for what a person wants of a run no more: it has ended, or is held."""
        self._run_id = None

    def check(self) -> None:
        """Raise when the work must not go on.

        Raises:
            LeaseLost: another runner has the adapter.
            RunCancelled: a person asked for the end of the run.
            RunPaused: a person wants the run to be held.
            RunInterrupted: this process was asked to stop.
        """
        if self._lost.is_set():
            raise LeaseLost(f"another runner took over {self._claim.adapter_name!r}")
        run_id, wish = self._wish or (None, None)
        if run_id is not None and run_id == self._run_id:
            if wish == DesiredState.CANCELLED:
                raise RunCancelled("a person asked for the end of this run")
            if wish == DesiredState.PAUSED:
                raise RunPaused("a person wants this run to be held")
        if self._stop.is_set():
            raise RunInterrupted("this process was asked to stop; the next sync goes on from here")

    def _beat(self) -> None:
        pause = min(self._lease_seconds / 3, _LONGEST_BEAT_SECONDS)
        while not self._done.wait(pause):
            try:
                self._renew()
            except Exception as error:
                # A lost connection, or a row that nobody thought of, is no lost lease: the next
                # beat tries again, and every write is fenced anyway.
                logger.warning(
                    "the lease of %s could not be renewed: %s",
                    self._claim.adapter_name,
                    error,
                    extra={"event": "lease_renewal_failed", "adapter": self._claim.adapter_name},
                )

    def _renew(self) -> None:
        run_id = self._run_id
        with self._database.transaction() as session:
            held = states.renew_lease(
                session, self._claim, lease_seconds=self._lease_seconds, now=self._now()
            )
            if held and run_id is not None:
                self._look(session, run_id)
        if not held:
            self._lost.set()
            self._done.set()
            logger.warning(
                "the lease of %s was lost",
                self._claim.adapter_name,
                extra={"event": "lease_lost", "adapter": self._claim.adapter_name},
            )

    def _look(self, session: Session, run_id: int) -> None:
        """Show that the run lives, and hear what is wanted of it."""
        runs.set_last_alive(session, run_id, now=self._now())
        sight = requests.get_sight(session, run_id)
        if sight is None:
            self._wish = (run_id, DesiredState.CANCELLED)  # its row was deleted
            return
        if sight.desired_state not in requests.WISHES:
            requests.refuse_wish(session, run_id, sight.desired_state, now=self._now())
        # Where somebody wrote the state itself, the run has no place any more to be written to.
        is_open = sight.state in OPEN_STATES
        self._wish = (run_id, sight.desired_state if is_open else DesiredState.CANCELLED)
        self._mark_stall(session, run_id, (sight.state, sight.steps_done, sight.responses_stored))

    def _mark_stall(self, session: Session, run_id: int, mark: tuple[object, ...]) -> None:
        if self._progress is None or self._progress.mark != mark:
            self._progress = _Progress(mark, self._monotonic())
            if self._is_stuck:
                runs.set_stuck(session, run_id, None)
                self._is_stuck = False
            return
        waited = self._monotonic() - self._progress.at
        if self._is_stuck or waited < self._stall_seconds or mark[0] == RunState.QUEUED:
            return
        runs.set_stuck(
            session,
            run_id,
            f"its runner lives, but no step and no answer came for {waited / 60:.0f} minutes while "
            f"{mark[0]}: wait for the backend, or set its desired_state to 'cancelled'",
        )
        self._is_stuck = True
