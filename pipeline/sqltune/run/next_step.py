"""Describes what happens next in a run, for `runs.next_step`."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from sqltune.records import RunKind, RunState

#: Characters that runs.next_step can store.
_LONGEST = 255
ON_SYNC = "the next sync or worker resumes from the last commit"
NOTHING = "nothing: it is done"
ON_CHANGE = (
    "nothing until samples, prompts or the adapter's row change, or a row in runs requests a run"
)
ON_SCHEDULE = "what is live is evaluated again when reevaluate_every is due"
ON_PREDICTION = "rows are answered at the next sync, or when predict_every is due"
ON_REQUEST = "nothing: a trial is repeated only if another row in runs requests it"


def next_step(state: RunState, run_kind: RunKind | None = RunKind.TRAIN) -> str:
    """Return what happens next in a run that has just entered this state."""
    match state:
        case RunState.QUEUED if run_kind is RunKind.PREDICT:
            return "the rows of the prediction_query are read"
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
        case RunState.DECIDING | RunState.PREDICTING:
            return "the run ends"
        case RunState.PAUSED:
            return "resumes when desired_state is 'running'"
        case RunState.SUCCEEDED:
            return NOTHING
        case RunState.REJECTED | RunState.FAILED | RunState.CANCELLED:
            return ON_CHANGE
        case _:
            assert_never(state)


def next_try(at: datetime | None) -> str:
    """Return what happens after a failure; None: it is not retried automatically."""
    if at is None:
        return ON_CHANGE
    return f"a sync or worker retries from {at:%Y-%m-%d %H:%M:%S} UTC on"


def shorten(text: str) -> str:
    """Shorten a text to what the column can store."""
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
