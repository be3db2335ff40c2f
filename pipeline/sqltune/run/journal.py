"""The journal of a training: what the backend reports becomes rows, fenced by the lease."""

from __future__ import annotations

from collections.abc import Sequence

from sqltune.backends.base import BackendCall, StepMetrics
from sqltune.database.run_scope import RunScope
from sqltune.database.tables import calls, run_events, runs, training_metrics
from sqltune.run.step_rows import store_steps
from sqltune.runtime import Reporter


class RunJournal:
    """Implements `backends.base.Journal` for one run."""

    def __init__(self, scope: RunScope, reporter: Reporter) -> None:
        """Write rows in the scope of the run, and show progress to a person."""
        self._scope = scope
        self._reporter = reporter
        self._steps_total: int | None = None
        self._sample_loss: float | None = None
        self.check = scope.check

    def intend(self, call_kind: str, request: str) -> int:
        """Commit an intent before the call is sent, and return the call's number."""
        scope = self._scope
        with scope.transaction() as session:
            return calls.insert_call(
                session, scope.run_id, call_kind=call_kind, request=request, now=scope.now()
            )

    def settle(
        self,
        call_number: int,
        state: str,
        *,
        external_id: str | None = None,
        outcome: str | None = None,
    ) -> None:
        """Commit how the call ended."""
        scope = self._scope
        with scope.transaction() as session:
            calls.settle_call(
                session,
                scope.run_id,
                call_number,
                state=state,
                external_id=external_id,
                outcome=outcome,
                now=scope.now(),
            )

    def calls(self) -> list[BackendCall]:
        """Return the calls announced so far, including those before a crash."""
        with self._scope.read() as session:
            stored = calls.list_calls(session, self._scope.run_id)
        return [
            BackendCall(c.call_number, c.state, c.call_kind, c.request, c.external_id)
            for c in stored
        ]

    def plan(self, steps_total: int) -> None:
        """Commit how many steps the training has, and show how many of them are recorded."""
        self._steps_total = steps_total
        with self._scope.transaction() as session:
            runs.set_run_steps_total(session, self._scope.run_id, steps_total)
            # A training that is resumed or stopped early has steps already: shown as 0, they would
            # count as made since then, and the time that is left would seem shorter.
            done = training_metrics.get_last_step(session, self._scope.run_id)
        self._reporter.progress("training", min(done, steps_total), steps_total)

    def record(self, metrics: Sequence[StepMetrics]) -> None:
        """Commit steps and show the last one, with the loss of the last samples.

        The loss of a step of rehearsal alone says nothing about what is learnt.
        """
        if not metrics:
            return
        scope = self._scope
        with scope.transaction() as session:
            store_steps(session, scope.run_id, metrics, now=scope.now())
        last = metrics[-1]
        learnt = [step.sample_loss for step in metrics if step.sample_loss is not None]
        self._sample_loss = learnt[-1] if learnt else self._sample_loss
        loss = last.train_loss if self._sample_loss is None else self._sample_loss
        self._reporter.progress("training", last.step, self._steps_total, f"loss {loss:.3f}")

    def event(self, event: str, message: str) -> None:
        """Commit what happened and report it."""
        scope = self._scope
        with scope.transaction() as session:
            run_events.add_event(session, scope.run_id, event, message, now=scope.now())
        self._reporter.say(f"  {message}")

    def progress(self, activity: str, done: int, total: int) -> None:
        """Show a person how far an activity is."""
        self._reporter.progress(activity, done, total)
