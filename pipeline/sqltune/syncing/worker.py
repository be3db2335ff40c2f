"""Sync whatever is due, again and again, until the process is asked to stop."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqltune.errors import (
    ConfigError,
    DatabaseError,
    DatabaseUnavailable,
    PipelineError,
    RunInterrupted,
    SchemaOutOfDate,
)
from sqltune.records import Adapter
from sqltune.runtime import Runtime
from sqltune.syncing.due import find_due, read_declared, require_declared
from sqltune.syncing.outcomes import Outcome
from sqltune.syncing.reconcile import reconcile
from sqltune.syncing.sync import end_abandoned
from sqltune.syncing.turn import sync_adapter
from sqltune.syncing.watcher import Watcher

logger = logging.getLogger(__name__)

#: Longest pause between two scans while the database is unavailable.
_MAX_PAUSE_SECONDS = 30.0


@dataclass(frozen=True)
class Worker:
    """The parts that a worker's two loops share."""

    runtime: Runtime
    names: Sequence[str]  #: adapters to work on; none means all
    watcher: Watcher
    stop: threading.Event
    monotonic: Callable[[], float]

    def run(self) -> None:
        """Sync what is due, scan again, and so on until `stop` is set.

        Raises:
            ConfigError: a named adapter does not exist.
            SchemaOutOfDate: the database was migrated to a version that this sqltune lacks.
        """
        require_declared(self.names, read_declared(self.runtime))
        reconciling = threading.Thread(
            target=self._keep_reconciling, name="reconciling", daemon=True
        )
        reconciling.start()
        logger.info("the worker has started", extra={"event": "worker_started"})
        pause = self.runtime.settings.poll_seconds
        while not self.stop.is_set():
            try:
                is_well = self._sync_due()
                self.watcher.round_ended()
                pause = self._next_pause(pause, is_well=is_well)
            except RunInterrupted:
                break
            except (SchemaOutOfDate, ConfigError):
                raise
            except PipelineError as error:
                self._report(error)
                pause = self._next_pause(pause, is_well=False)
            self.stop.wait(pause)
        reconciling.join()
        logger.info("the worker has ended", extra={"event": "worker_stopped"})

    def _sync_due(self) -> bool:
        """Sync what is due; return False if an adapter failed in a way that no row records."""
        due, is_well = find_due(self.runtime, self.names), True
        # Workers that scan at the same moment should not all begin with the same adapter.
        for adapter in random.sample(due.adapters, len(due.adapters)):
            if self.stop.is_set():
                return is_well
            is_well &= self._sync_one(adapter, adapter.adapter_name in due.scheduled)
        end_abandoned(self.runtime, due.abandoned, self.stop)
        return is_well

    def _sync_one(self, adapter: Adapter, is_scheduled: bool) -> bool:
        began = self.monotonic()
        self.watcher.turn_began(adapter.adapter_name)
        outcomes: list[Outcome] = []
        try:
            outcomes = sync_adapter(
                self.runtime, adapter, force=False, stop=self.stop, is_scheduled=is_scheduled
            )
        except (RunInterrupted, DatabaseUnavailable, SchemaOutOfDate, ConfigError):
            raise
        except Exception as error:
            # An unexpected error in one adapter must not keep the others waiting.
            self._report(error)
            return False
        finally:
            self.runtime.reporter.finish()
            self.watcher.turn_ended(outcomes, self.monotonic() - began)
        return True

    def _keep_reconciling(self) -> None:
        """Answer requests and mark stuck runs, also while a run takes hours."""
        pause = self.runtime.settings.poll_seconds
        while not self.stop.is_set():
            try:
                self.watcher.scanned(reconcile(self.runtime).open_runs)
                pause = self._next_pause(pause, is_well=True)
            except Exception as error:
                self._report(error)
                pause = self._next_pause(pause, is_well=False)
            self.stop.wait(pause)

    def _next_pause(self, pause: float, *, is_well: bool) -> float:
        return self.runtime.settings.poll_seconds if is_well else min(2 * pause, _MAX_PAUSE_SECONDS)

    def _report(self, error: Exception) -> None:
        self.watcher.failed(error)
        logger.warning(
            "the worker tries again later: %s",
            error,
            exc_info=not isinstance(error, DatabaseError),
            extra={"event": "worker_failed"},
        )
