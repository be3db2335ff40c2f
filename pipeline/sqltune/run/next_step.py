"""What comes next in a run, in words for `runs.next_step`."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from sqltune.records import RunKind, RunState

#: runs.next_step holds that many characters.
_LONGEST = 255
GOES_ON = "the next sync or worker goes on from the last commit"
NOTHING = "nothing: it is done"
ON_CHANGE = "nothing until samples, prompts or the adapter's row change, or a row of runs asks"
ON_REQUEST = "nothing: a trial is tried again where another row of runs asks for it"


def next_step(state: RunState, run_kind: RunKind | None = RunKind.TRAIN) -> str:
    """Say what comes next in a run that has just entered this state."""
    match state:
        case RunState.QUEUED:
            return "samples and prompts are selected and frozen"
        case RunState.PREPARING:
            return "the base model is asked the prompts"
        case RunState.ANSWERING_BEFORE:
            return "training" if run_kind is RunKind.TRAIN else "the version is asked the prompts"
        case RunState.TRAINING:
            return "the new version is asked the same prompts"
        case RunState.ANSWERING_AFTER:
            return "scores are compared and the gate decides"
        case RunState.DECIDING:
            return "the run ends"
        case RunState.PAUSED:
            return "goes on when desired_state is 'running'"
        case RunState.SUCCEEDED:
            return NOTHING
        case RunState.REJECTED | RunState.FAILED | RunState.CANCELLED:
            return ON_CHANGE
        case _:
            assert_never(state)


def next_try(at: datetime | None) -> str:
    """Say what comes after a failure; None: it is not tried again by itself."""
    if at is None:
        return ON_CHANGE
    return f"a sync or worker tries again from {at:%Y-%m-%d %H:%M:%S} UTC"


def shorten(text: str) -> str:
    """Cut a text to what the column holds."""
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
