"""The journal of a training: what the backend reports becomes rows, under the adapter's lease."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqltune.backends.base import BackendCall, StepMetrics
from sqltune.database.tables import calls, runs
from sqltune.records import Claim
from sqltune.run.step_rows import store_steps
from sqltune.runtime import Runtime


class RunJournal:
    """Implements `backends.base.Journal` for one run."""

    def __init__(
        self, runtime: Runtime, claim: Claim, run_id: int, check: Callable[[], None]
    ) -> None:
        """Write for `run_id` under the lease `claim`; `check` raises when the run must stop."""
        self._runtime = runtime
        self._claim = claim
        self._run_id = run_id
        self._steps_total: int | None = None
        self.check = check

    def intend(self, call_kind: str, request: str) -> int:
        """Commit an intent before the call is sent."""
        with self._runtime.database.transaction(self._claim) as session:
            return calls.insert_call(
                session,
                self._run_id,
                call_kind=call_kind,
                request=request,
                now=self._runtime.now(),
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
        with self._runtime.database.transaction(self._claim) as session:
            calls.settle_call(
                session,
                self._run_id,
                call_number,
                state=state,
                external_id=external_id,
                outcome=outcome,
                now=self._runtime.now(),
            )

    def calls(self) -> list[BackendCall]:
        """Return the calls announced so far, also those before a crash."""
        with self._runtime.database.read() as session:
            stored = calls.list_calls(session, self._run_id)
        return [
            BackendCall(c.call_number, c.state, c.call_kind, c.request, c.external_id)
            for c in stored
        ]

    def plan(self, steps_total: int) -> None:
        """Store how many steps the training has."""
        self._steps_total = steps_total
        with self._runtime.database.transaction(self._claim) as session:
            runs.set_run_steps_total(session, self._run_id, steps_total)

    def record(self, metrics: Sequence[StepMetrics]) -> None:
        """Commit steps and show the last one."""
        if not metrics:
            return
        with self._runtime.database.transaction(self._claim) as session:
            store_steps(session, self._run_id, metrics, now=self._runtime.now())
        last = metrics[-1]
        self._runtime.reporter.progress(
            "training", last.step, self._steps_total, f"loss {last.train_loss:.3f}"
        )

    def event(self, event: str, message: str) -> None:
        """Commit what happened and report it."""
        with self._runtime.database.transaction(self._claim) as session:
            runs.add_event(session, self._run_id, event, message, now=self._runtime.now())
        self._runtime.reporter.say(message)
