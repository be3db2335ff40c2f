"""What the command ends with, by what became of the adapters."""

from __future__ import annotations

import pytest

from pipeline.planning import Decision
from pipeline.records import RunState
from pipeline.worker import ExitCode, Outcome, exit_code


def outcome(state: RunState | None, *, is_new: bool = True) -> Outcome:
    return Outcome("office", Decision.TRAIN, "why", 1, state, None, is_new)


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ([], ExitCode.DONE),
        ([outcome(RunState.SUCCEEDED)], ExitCode.DONE),
        ([outcome(RunState.CANCELLED)], ExitCode.DONE),
        ([outcome(None, is_new=False)], ExitCode.DONE),
        ([outcome(RunState.REJECTED)], ExitCode.GATE_REFUSED),
        ([outcome(RunState.REJECTED, is_new=False)], ExitCode.DONE),
        ([outcome(RunState.FAILED)], ExitCode.RUN_FAILED),
        ([outcome(RunState.FAILED, is_new=False)], ExitCode.RUN_FAILED),
        ([outcome(RunState.REJECTED), outcome(RunState.FAILED)], ExitCode.RUN_FAILED),
        ([outcome(RunState.SUCCEEDED), outcome(RunState.REJECTED)], ExitCode.GATE_REFUSED),
    ],
)
def test_a_failed_run_counts_more_than_a_refusing_gate_and_that_more_than_success(
    outcomes: list[Outcome], code: ExitCode
) -> None:
    assert exit_code(outcomes) is code
