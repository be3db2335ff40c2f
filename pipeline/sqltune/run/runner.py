"""One run, top to bottom: prepare, answer, train, answer again, decide; or predict.

The state of a run is in its row only. Each state can be entered again after a crash: what is
committed is kept, and only the rest is done. Every write is fenced by the adapter's lease.
"""

from __future__ import annotations

import logging
from typing import assert_never

from sqltune.database.tables import runs
from sqltune.errors import LeaseLost, RunPaused
from sqltune.records import Run, RunKind, RunState
from sqltune.run.answering import answer_after, answer_before
from sqltune.run.deciding import decide
from sqltune.run.next_step import next_step
from sqltune.run.predicting import predict
from sqltune.run.preparing import prepare
from sqltune.run.training import train
from sqltune.run.work import Work, add_event

logger = logging.getLogger(__name__)


def carry_out(work: Work) -> RunState:
    """Carry a run out from the state it is in to its end, and return the state it ended in.

    Raises:
        RunCancelled, RunInterrupted, LeaseLost: raised by the scope's `check`.
        RunPaused: the run is paused.
        PipelineError: the run failed; the caller records that.
    """
    while not (run := work.run()).state.is_ended:
        work.scope.check()
        match run.state:
            case RunState.QUEUED:
                predicts = run.run_kind is RunKind.PREDICT
                advance(work, run, RunState.PREDICTING if predicts else RunState.PREPARING)
            case RunState.PREPARING:
                prepare(work, run)
                advance(work, run, RunState.ANSWERING_BEFORE)
            case RunState.ANSWERING_BEFORE:
                answer_before(work, run)
                # A run that has its version was reopened by `retry`: it must not train again.
                trains = run.run_kind is RunKind.TRAIN and run.version_number is None
                advance(work, run, RunState.TRAINING if trains else RunState.ANSWERING_AFTER)
            case RunState.TRAINING:
                train(work, run)
            case RunState.ANSWERING_AFTER:
                answer_after(work, run)
                advance(work, run, RunState.DECIDING)
            case RunState.DECIDING:
                decide(work, run)
            case RunState.PREDICTING:
                predict(work, run)
            case RunState.PAUSED:
                raise RunPaused("desired_state is 'paused'")
            case RunState.SUCCEEDED | RunState.REJECTED | RunState.FAILED | RunState.CANCELLED:
                break
            case _:
                assert_never(run.state)
    return run.state


def advance(work: Work, run: Run, state: RunState) -> None:
    """Move the run to its next state, and record and log it."""
    scope, step = work.scope, next_step(state, run.run_kind)
    with scope.transaction() as session:
        if not runs.set_run_state(session, run, state, next_step=step, now=scope.now()):
            raise LeaseLost(f"run {run.run_id} is no longer {run.state.value}")
        add_event(work, session, "state_changed", f"{run.state.value} -> {state.value}")
    logger.info(
        "run %s is %s",
        run.run_id,
        state.value,
        extra={"event": "run_state_changed", "run_id": run.run_id, "state": state.value},
    )
