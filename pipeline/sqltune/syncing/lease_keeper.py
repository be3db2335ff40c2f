"""Keep an adapter's lease alive while a run works, and find out when the run must not continue.

A thread renews the lease, records in the run's row that its runner is alive, and reads the desired
state; the working thread calls `check` between small pieces of work. Nothing is interrupted by
force: what was committed stays, and a later runner does the rest.
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

#: A person who cancels waits no longer than this for the runner to notice.
_MAX_BEAT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class _Progress:
    """How far the run was when it last progressed."""

    mark: tuple[object, ...]
    at: float  #: by the monotonic clock


class LeaseKeeper:
    """Renews one adapter's lease while the `with` block runs."""

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
        """Renew `claim` three times per `lease_seconds`, until `stop` is set or the block ends.

        A run without a step or a response for `stall_seconds` is marked as stuck.
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
        self._desired: tuple[int, str] | None = None  # the run, and its desired state
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
        """Read the desired state of this run now and at every beat."""
        self._progress, self._is_stuck = None, False
        self._run_id = run_id
        with self._database.read() as session:
            self._desired = (run_id, runs.get_desired_state(session, run_id))

    def unwatch(self) -> None:
        """Stop reading the run's desired state: it has ended or is paused."""
        self._run_id = None

    def check(self) -> None:
        """Raise if the work must not continue.

        Raises:
            LeaseLost: another runner has the adapter.
            RunCancelled: a person cancelled the run.
            RunPaused: a person paused the run.
            RunInterrupted: this process was asked to stop.
        """
        if self._lost.is_set():
            raise LeaseLost(f"another runner took over {self._claim.adapter_name!r}")
        run_id, desired = self._desired or (None, None)
        if run_id is not None and run_id == self._run_id:
            if desired == DesiredState.CANCELLED:
                raise RunCancelled("a person cancelled this run")
            if desired == DesiredState.PAUSED:
                raise RunPaused("a person paused this run")
        if self._stop.is_set():
            raise RunInterrupted("this process was asked to stop; the next sync resumes the run")

    def _beat(self) -> None:
        pause = min(self._lease_seconds / 3, _MAX_BEAT_SECONDS)
        while not self._done.wait(pause):
            try:
                self._renew()
            except Exception as error:
                # A lost connection or an unexpected row is not a lost lease: the next beat tries
                # again, and every write is fenced anyway.
                logger.warning(
                    "the lease of %s could not be renewed: %s",
                    self._claim.adapter_name,
                    error,
                    extra={"event": "lease_renewal_failed", "adapter": self._claim.adapter_name},
                )

    def _renew(self) -> None:
        run_id = self._run_id
        with self._database.transaction() as session:
            is_ours = states.renew_lease(
                session, self._claim, lease_seconds=self._lease_seconds, now=self._now()
            )
            if is_ours and run_id is not None:
                self._read_run(session, run_id)
        if not is_ours:
            self._lost.set()
            self._done.set()
            logger.warning(
                "the lease of %s was lost",
                self._claim.adapter_name,
                extra={"event": "lease_lost", "adapter": self._claim.adapter_name},
            )

    def _read_run(self, session: Session, run_id: int) -> None:
        """Record that the run's runner is alive, and read the desired state."""
        runs.set_last_alive(session, run_id, now=self._now())
        run = requests.get_open_run(session, run_id)
        if run is None:
            self._desired = (run_id, DesiredState.CANCELLED)  # its row was deleted
            return
        if run.desired_state not in requests.DESIRED_STATES:
            requests.refuse_desired_state(session, run_id, run.desired_state, now=self._now())
        # If a person overwrote the state itself, no state is left that the run could continue from.
        is_open = run.state in OPEN_STATES
        self._desired = (run_id, run.desired_state if is_open else DesiredState.CANCELLED)
        self._mark_stall(session, run_id, (run.state, run.steps_done, run.responses_stored))

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
            f"its runner is alive, but there was no step and no response for {waited / 60:.0f} "
            f"minutes while {mark[0]}: wait for the backend, or set its desired_state to "
            "'cancelled'",
        )
        self._is_stuck = True
