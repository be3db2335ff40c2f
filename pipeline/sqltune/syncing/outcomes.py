"""What a sync did, adapter by adapter, and the exit code that follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from sqltune.records import RunState, SyncDecision


class ExitCode(IntEnum):
    """The exit code of a sync; 2 is a usage error, which no sync returns."""

    DONE = 0
    RUN_FAILED = 1
    GATE_REFUSED = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a sync did for one adapter, or for one request."""

    adapter_name: str
    decision: SyncDecision
    reason: str
    run_id: int | None = None
    state: RunState | None = None  #: of this sync's run, else of the last one
    error_message: str | None = None
    is_new: bool = False  #: the run ended in this sync

    def __str__(self) -> str:
        text = f"{self.adapter_name}: "
        if self.is_new and self.state is not None:
            text += f"run {self.run_id} {self.state.value}"
            return f"{text}: {self.error_message}" if self.error_message else text
        return f"{text}{self.decision.value.replace('_', ' ')}, {self.reason}"

    @property
    def is_news(self) -> bool:
        """Whether a run ended or was paused, which its decision has not said: a refusal has."""
        return self.is_new and self.decision is not SyncDecision.REFUSED


def exit_code(outcomes: Sequence[Outcome]) -> ExitCode:
    """Return the exit code of a sync: a failed run outweighs a refusing gate."""
    if any(o.state is RunState.FAILED for o in outcomes):
        return ExitCode.RUN_FAILED
    if any(o.state is RunState.REJECTED and o.is_new for o in outcomes):
        return ExitCode.GATE_REFUSED
    return ExitCode.DONE
