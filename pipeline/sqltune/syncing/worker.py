"""Sync whatever is due, again and again, until the process is asked to stop."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqltune.database.tables.runs import RunEnd
from sqltune.errors import (
    ConfigError,
    DatabaseError,
    DatabaseUnavailable,
    PipelineError,
    RunInterrupted,
    SchemaOutOfDate,
)
from sqltune.planning.refusing import ENDS_PROCESS
from sqltune.questions.answering import Answering
from sqltune.records import Adapter, OpenRun
from sqltune.runtime import Runtime
from sqltune.syncing.due import find_due, read_declared, require_declared
from sqltune.syncing.outcomes import Outcome
from sqltune.syncing.reconcile import reconcile
from sqltune.syncing.sync import end_abandoned
from sqltune.syncing.turn import Turn, sync_adapter
from sqltune.syncing.watcher import Watcher
from sqltune.vllm.pushing import Pushing
from sqltune.webhooks.announcing import announce

logger = logging.getLogger(__name__)

#: Longest pause between two scans while the database is unavailable, or of a broken adapter.
_MAX_PAUSE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class _Pause:
    """How long one adapter is left alone."""

    seconds: float
    until: float  #: by the worker's monotonic clock


@dataclass(frozen=True)
class Worker:
    """The parts that a worker's loops share."""

    runtime: Runtime
    names: Sequence[str]  #: adapters to work on; none means all
    watcher: Watcher
    stop: threading.Event
    monotonic: Callable[[], float]
    #: Adapters that failed in a way that no row records, with their pauses.
    broken: dict[str, _Pause] = field(default_factory=dict)
    #: Turns that left something to do, which a schedule that has begun does not ask for again.
    unfinished: dict[str, Turn] = field(default_factory=dict)

    def run(self) -> None:
        """Sync what is due, scan again, and so on until `stop` is set.

        Raises:
            ConfigError: a named adapter does not exist.
            SchemaOutOfDate: the database was migrated to a version that this sqltune lacks.
        """
        require_declared(self.names, read_declared(self.runtime))
        loops = [
            threading.Thread(target=loop, name=name, daemon=True)
            for name, loop in (
                ("reconciling", self._keep_reconciling),
                ("announcing", self._keep_announcing),
                ("answering", self._keep_answering),
                ("pushing", self._keep_pushing),
            )
        ]
        for thread in loops:
            thread.start()
        logger.info("the worker has started", extra={"event": "worker_started"})
        pause = self.runtime.settings.poll_seconds
        while not self.stop.is_set():
            try:
                has_more = self._sync_due()
                self.watcher.round_ended()
                pause = 0.0 if has_more else self.runtime.settings.poll_seconds
            except RunInterrupted:
                break
            except (SchemaOutOfDate, ConfigError):
                raise
            except PipelineError as error:
                self._report(error)
                pause = self._grow(pause)
            self.stop.wait(pause)
        for thread in loops:
            thread.join()
        logger.info("the worker has ended", extra={"event": "worker_stopped"})

    def _sync_due(self) -> bool:
        """Take one turn of each adapter that is due; return whether one of them has more to do."""
        due, has_more = find_due(self.runtime, self.names, self.unfinished), False
        # Workers that scan at the same moment should not all begin with the same adapter.
        shuffled = random.sample(due.adapters, len(due.adapters))
        for adapter in sorted(shuffled, key=lambda adapter: adapter.adapter_name in due.last):
            if self.stop.is_set():
                return False
            pause = self.broken.get(adapter.adapter_name)
            if pause is None or self.monotonic() >= pause.until:
                has_more |= self._sync_one(adapter, adapter.adapter_name in due.scheduled)
        end_abandoned(self.runtime, due.abandoned, self.stop)
        return has_more

    def _sync_one(self, adapter: Adapter, is_scheduled: bool) -> bool:
        began, name = self.monotonic(), adapter.adapter_name
        self.watcher.turn_began(name)
        outcomes: list[Outcome] = []
        turn = self.unfinished.pop(name, None)
        if turn is None or is_scheduled:
            turn = Turn(is_forced=False, is_scheduled=is_scheduled)
        try:
            outcomes = sync_adapter(self.runtime, adapter, turn, stop=self.stop)
            self.broken.pop(name, None)
            for outcome in outcomes:
                if outcome.is_news:
                    self.runtime.reporter.say(str(outcome))
        except (RunInterrupted, DatabaseUnavailable, SchemaOutOfDate, ConfigError, *ENDS_PROCESS):
            raise
        except BaseException as error:
            # An unexpected error in one adapter must not keep the others waiting.
            self._report(error)
            earlier = self.broken.get(name)
            seconds = self._grow(earlier.seconds if earlier else self.runtime.settings.poll_seconds)
            self.broken[name] = _Pause(seconds, self.monotonic() + seconds)
            return False
        finally:
            self.runtime.reporter.finish()
            self.watcher.turn_ended(outcomes, self.monotonic() - began)
        if turn.has_more:
            self.unfinished[name] = turn
        return turn.has_more

    def _keep_reconciling(self) -> None:
        """Answer requests and mark stuck runs, also while a run takes hours."""
        self._keep(self._reconcile)

    def _keep_announcing(self) -> None:
        """Call the webhook, if there is one; a receiver that is slow holds up no run."""
        if self.runtime.settings.webhook_url is not None:
            self._keep(self._announce)

    def _keep_pushing(self) -> None:
        """Push what is live to vLLM, if there is one; a server that is slow holds up no run."""
        if self.runtime.settings.vllm_url is not None:
            runtime = self.runtime
            pushing = Pushing(runtime.database, runtime.settings, runtime.now, self.stop)
            self._keep(pushing.push_due)

    def _keep_answering(self) -> None:
        """Answer questions, also while a run takes hours."""
        answering = Answering(self.runtime, self.names, self.stop, self.monotonic)
        self._keep(lambda: self._answer(answering))

    def _keep(self, work: Callable[[], None]) -> None:
        """Do this at every poll, and less often while it fails."""
        pause = self.runtime.settings.poll_seconds
        while not self.stop.is_set():
            try:
                work()
                pause = self.runtime.settings.poll_seconds
            except RunInterrupted:
                return
            except Exception as error:
                self._report(error)
                pause = self._grow(pause)
            self.stop.wait(pause)

    def _reconcile(self) -> None:
        reconciled = reconcile(self.runtime)
        self.watcher.scanned(reconciled.open_runs)
        for request, end in reconciled.ended:
            self._report_end(request, end)

    def _announce(self) -> None:
        announce(self.runtime.database, self.runtime.settings, now=self.runtime.now)

    def _answer(self, answering: Answering) -> None:
        """Answer until no question waits; each round is counted, however many keep coming."""
        while self._answer_round(answering):
            pass

    def _answer_round(self, answering: Answering) -> bool:
        answered, failed = answering.answered, answering.failed
        try:
            return answering.answer_round()
        finally:
            self.watcher.answered(answering.answered - answered, answering.failed - failed)

    def _report_end(self, request: OpenRun, end: RunEnd) -> None:
        logger.warning(
            "%s: run %s %s: %s",
            request.adapter_name,
            request.run_id,
            end.state.value,
            end.error_message or end.next_step,
            extra={"event": "run_ended", "run_id": request.run_id},
        )

    def _grow(self, pause: float) -> float:
        return min(2 * max(pause, self.runtime.settings.poll_seconds), _MAX_PAUSE_SECONDS)

    def _report(self, error: BaseException) -> None:
        self.watcher.failed(error)
        logger.warning(
            "the worker tries again later: %s",
            error,
            exc_info=not isinstance(error, DatabaseError),
            extra={"event": "worker_failed"},
        )
