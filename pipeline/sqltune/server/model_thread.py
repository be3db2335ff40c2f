"""The only thread that uses a base model: it answers waiting questions together, and trains a step.

One turn answers one batch of questions and does one piece of work, so that neither makes the other
wait for longer than that.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any

from sqltune.errors import PipelineError
from sqltune.local_lora.asked_questions import ROWS_AT_ONCE, GeneratedAnswer, Question
from sqltune.local_lora.growing_text import GrowingText
from sqltune.local_lora.sampling import Sampling
from sqltune.server import refusals
from sqltune.server.lanes import AnswerCall, Call, Lanes, Work, WorkCall
from sqltune.server.workbench import Lane, Workbench

logger = logging.getLogger(__name__)


class ModelThread:
    """Serves the calls for one base model, all of them in one thread."""

    def __init__(
        self,
        open_bench: Callable[[], Workbench],
        *,
        most_waiting: int,
        patience_seconds: float = 900.0,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; `start` loads the base model.

        Args:
            open_bench: loads the base model; called in the new thread, because torch keeps its
                number of threads per calling thread.
            most_waiting: calls that may wait; further ones are refused.
            patience_seconds: how long it may be busy without a step or an answer.
            seconds: a clock that never goes back.
        """
        self._open_bench = open_bench
        self.most_waiting = most_waiting
        self._patience_seconds = patience_seconds
        self._seconds = seconds
        self._busy_since: float | None = None
        self._lanes = Lanes()
        self._awaiting_room: list[Future[None]] = []
        self._changed = threading.Condition()
        self._is_stopping = False
        self._opened: Future[Workbench] = Future()
        self._thread = threading.Thread(target=self._run, name="base-model", daemon=True)

    def start(self) -> Workbench:
        """Load the base model, then serve calls.

        Raises:
            PipelineError: it cannot be loaded.
        """
        self._thread.start()
        return self._opened.result()

    @property
    def waiting(self) -> int:
        """How many calls wait or are being served."""
        return self._lanes.size

    @property
    def problem(self) -> str | None:
        """What keeps the thread from answering, in words; None if nothing does."""
        if not self._thread.is_alive():
            return "the thread of the base model has ended; see the log"
        busy_since = self._busy_since
        quiet = 0.0 if busy_since is None else self._seconds() - busy_since
        if quiet > self._patience_seconds:
            return f"the base model has made neither a step nor an answer for {quiet:.0f} s"
        return None

    def ask(
        self,
        lane: Lane,
        question: Question,
        sampling: Sampling,
        on_text: Callable[[str], None] | None = None,
    ) -> Future[GeneratedAnswer]:
        """Queue a question; one whose future is cancelled is not answered any further.

        Args:
            lane: whose calls are answered in their order.
            question: the question.
            sampling: how tokens are chosen.
            on_text: called in this object's thread with the answer as it grows; must not block.

        Raises:
            CallRefused: too many calls wait, or the server is stopping.
        """
        call = AnswerCall(lane, question, sampling, on_text)
        self._add(call)
        return call.future

    def do(self, lane: Lane, begin: Callable[[], Work]) -> Future[Any]:
        """Queue work until its lane is free; `begin` is called in this object's thread.

        Raises:
            CallRefused: too many calls wait, or the server is stopping.
        """
        call = WorkCall(lane, begin)
        self._add(call)
        return call.future

    def room(self) -> Future[None]:
        """Return a future that is done once a call may wait, or all are refused."""
        future: Future[None] = Future()
        with self._changed:
            is_full = self._lanes.size >= self.most_waiting and not self._is_stopping
            if is_full:
                self._awaiting_room.append(future)
        if not is_full:
            future.set_result(None)
        return future

    def stop(self) -> None:
        """Refuse what waits, undo and refuse what is being served, and end the thread."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join()

    def _add(self, call: Call) -> None:
        with self._changed:
            if self._is_stopping:
                raise refusals.stopping()
            if self._lanes.size >= self.most_waiting:
                raise refusals.queue_full(self.most_waiting)
            self._lanes.add(call)
            self._changed.notify()
        call.future.add_done_callback(lambda future: self._leave(call))

    def _leave(self, call: Call) -> None:
        """Make room in the queue at once when nobody waits for the call any more."""
        if call.future.cancelled():
            self._remove(call)

    def _run(self) -> None:
        try:
            bench = self._open_bench()
        except BaseException as error:
            self._opened.set_exception(error)
            return
        self._opened.set_result(bench)
        try:
            while self._wait():
                self._answer(bench)
                self._work()
        finally:
            self._is_stopping = True
            self._refuse_all()

    def _wait(self) -> bool:
        """Wait for something to do; return False when the thread must end."""
        with self._changed:
            self._busy_since = None
            self._changed.wait_for(lambda: self._is_stopping or self._lanes.size > 0)
            self._busy_since = self._seconds()
            return not self._is_stopping

    def _answer(self, bench: Workbench) -> None:
        with self._changed:
            ready = self._lanes.ready_answers()
        batch = self._choose_batch(bench, ready)
        if not batch:
            return
        try:
            for answer in bench.base.answer(
                [call.question for call in batch],
                adapter=bench.load(batch[0].lane),
                sampling=batch[0].sampling,
                watch=lambda index, text: self._note_token(batch[index], text),
            ):
                self._busy_since = self._seconds()
                self._settle(batch[answer.index], answer)
        except BaseException as error:
            self._fail(batch, error)

    def _note_token(self, call: AnswerCall, text: GrowingText) -> bool:
        """Pass on what was added to an answer; return whether anybody still waits for it."""
        self._busy_since = self._seconds()
        if call.future.cancelled():
            return False
        if call.on_text is not None:
            call.on_text(text.settled)
        return True

    def _choose_batch(self, bench: Workbench, ready: list[AnswerCall]) -> list[AnswerCall]:
        """Return the oldest question and those that can be answered with it."""
        batch: list[AnswerCall] = []
        adapter: str | None = None
        for call in ready:
            if batch and call.sampling != batch[0].sampling:
                continue
            try:
                name = bench.name_of(call.lane)
            except BaseException as error:
                self._fail([call], error)
                continue
            if not batch:
                adapter = name
            if name == adapter:
                batch.append(call)
        return batch[:ROWS_AT_ONCE]

    def _work(self) -> None:
        with self._changed:
            call = self._lanes.next_work()
        if call is None:
            return
        try:
            if call.work is None:
                call.work = call.begin()
            next(call.work)
        except StopIteration as end:
            self._settle(call, end.value)
        except BaseException as error:
            self._fail([call], error)

    def _settle(self, call: Call, result: Any) -> None:
        if self._remove(call) and call.future.set_running_or_notify_cancel():
            call.future.set_result(result)

    def _fail(self, calls: Iterable[Call], error: BaseException) -> None:
        """End calls with an error, of whatever kind: native code raises more than Exception."""
        if not isinstance(error, PipelineError):
            logger.error(
                "an unexpected error ended a call", exc_info=error, extra={"event": "call_failed"}
            )
        shown = error if isinstance(error, Exception) else RuntimeError(type(error).__name__)
        for call in calls:
            if self._remove(call) and call.future.set_running_or_notify_cancel():
                call.future.set_exception(shown)

    def _remove(self, call: Call) -> bool:
        with self._changed:
            is_removed = self._lanes.remove(call)
        self._announce_room()
        return is_removed

    def _announce_room(self) -> None:
        with self._changed:
            awaiting, self._awaiting_room = self._awaiting_room, []
        for future in awaiting:
            if future.set_running_or_notify_cancel():
                future.set_result(None)

    def _refuse_all(self) -> None:
        with self._changed:
            calls = self._lanes.clear()
        self._announce_room()
        for call in calls:
            if isinstance(call, WorkCall) and call.work is not None:
                call.work.close()
            if call.future.set_running_or_notify_cancel():
                call.future.set_exception(refusals.stopping())
