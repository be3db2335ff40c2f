"""Journals for tests: they outlive their process as the database does, which dies or stalls."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from sqltune.backends.base import BackendCall, StepMetrics
from sqltune.errors import LeaseLost


class Dies(BaseException):
    """The process ends here; nothing after this runs."""


@dataclass
class KeptJournal:
    """A journal that outlives its process, as the database does, and can stop a training."""

    steps: dict[int, StepMetrics] = field(default_factory=dict)
    kept_calls: list[BackendCall] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    shown: list[tuple[str, int, int]] = field(default_factory=list)
    steps_total: int | None = None
    stop_at_check: int | None = None
    stop_with: BaseException | None = None
    dies_at_settle: bool = False
    checks: int = 0
    steps_recorded: int = 0

    def intend(self, call_kind: str, request: str) -> int:
        number = len(self.kept_calls) + 1
        self.kept_calls.append(BackendCall(number, "intended", call_kind, request, None))
        return number

    def settle(
        self,
        call_number: int,
        state: str,
        *,
        external_id: str | None = None,
        outcome: str | None = None,
    ) -> None:
        if self.dies_at_settle:
            raise Dies
        call = self.kept_calls[call_number - 1]
        self.kept_calls[call_number - 1] = replace(call, state=state, external_id=external_id)

    def calls(self) -> list[BackendCall]:
        return list(self.kept_calls)

    def plan(self, steps_total: int) -> None:
        self.steps_total = steps_total

    def record(self, metrics: Sequence[StepMetrics]) -> None:
        for step in metrics:
            self.steps[step.step] = step
            self.steps_recorded += 1

    def event(self, event: str, message: str) -> None:
        self.events.append(event)
        self.messages.append(message)

    def progress(self, activity: str, done: int, total: int) -> None:
        self.shown.append((activity, done, total))

    def check(self) -> None:
        self.checks += 1
        if self.stop_at_check is not None and self.checks >= self.stop_at_check:
            assert self.stop_with is not None
            raise self.stop_with


@dataclass
class DyingJournal(KeptJournal):
    """A journal whose process dies before the n-th settlement is written."""

    dies_at_settlement: int = 0
    settlements: int = 0
    messages: list[str] = field(default_factory=list)

    def settle(
        self,
        call_number: int,
        state: str,
        *,
        external_id: str | None = None,
        outcome: str | None = None,
    ) -> None:
        self.settlements += 1
        if self.settlements == self.dies_at_settlement:
            raise Dies
        super().settle(call_number, state, external_id=external_id, outcome=outcome)

    def event(self, event: str, message: str) -> None:
        super().event(event, message)
        self.messages.append(message)


@dataclass
class EndingJournal(KeptJournal):
    """A journal whose process dies between two calls."""

    dies_after: int | None = None  #: fine-tunes; None: it does not die

    def check(self) -> None:
        states = [call.state for call in self.kept_calls if call.call_kind == "fine_tune"]
        if self.dies_after is not None and states == ["done"] * self.dies_after:
            raise Dies


@dataclass
class StalledJournal(KeptJournal):
    """The journal of a process that stalls after one of its writes and is overtaken meanwhile.

    Its writes go to `kept` until then, and fail afterwards.
    """

    kept: KeptJournal = field(default_factory=KeptJournal)
    stalls_after: int = 0  #: writes
    overtake: Callable[[], None] = lambda: None  #: what another process does meanwhile
    writes: int = 0
    is_overtaken: bool = False

    def intend(self, call_kind: str, request: str) -> int:
        with self._fence():
            return self.kept.intend(call_kind, request)

    def settle(
        self,
        call_number: int,
        state: str,
        *,
        external_id: str | None = None,
        outcome: str | None = None,
    ) -> None:
        with self._fence():
            self.kept.settle(call_number, state, external_id=external_id, outcome=outcome)

    def calls(self) -> list[BackendCall]:
        return self.kept.calls()

    def plan(self, steps_total: int) -> None:
        with self._fence():
            self.kept.plan(steps_total)

    def record(self, metrics: Sequence[StepMetrics]) -> None:
        if metrics:
            with self._fence():
                self.kept.record(metrics)

    def event(self, event: str, message: str) -> None:
        with self._fence():
            self.kept.event(event, message)

    def check(self) -> None:
        """Raise nothing: the thread that keeps the lease has not continued yet."""

    @contextmanager
    def _fence(self) -> Iterator[None]:
        if self.is_overtaken:
            raise LeaseLost("another runner took over")
        yield
        self.writes += 1
        if self.writes == self.stalls_after:
            self.is_overtaken = True
            self.overtake()
