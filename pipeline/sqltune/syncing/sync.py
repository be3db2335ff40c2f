"""Bring adapters up to date once, then answer questions: what `sqltune sync` and the API do.

Everything that is to be done is in rows, so any number of syncs and workers may run at the same
time, on any number of machines.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from sqltune.database.patience import with_patience
from sqltune.errors import PipelineError, RunInterrupted
from sqltune.planning.refusing import ENDS_PROCESS, internal_error
from sqltune.questions.answering import Answering
from sqltune.records import Adapter, OpenRun, RunState, SyncDecision
from sqltune.runtime import Runtime
from sqltune.syncing.due import choose_adapters, find_abandoned, read_declared
from sqltune.syncing.ending import cancel_run
from sqltune.syncing.lease import lease_adapter
from sqltune.syncing.outcomes import Outcome
from sqltune.syncing.reconcile import Reconciliation, reconcile
from sqltune.syncing.turn import Turn, sync_adapter
from sqltune.vllm.pushing import push_live
from sqltune.webhooks.announcing import announce, begin_announcing

logger = logging.getLogger(__name__)


def sync(
    runtime: Runtime, names: Sequence[str], *, force: bool, stop: threading.Event
) -> list[Outcome]:
    """Bring the named adapters, or all that are enabled, up to date.

    Args:
        runtime: the parts to work with.
        names: adapters; none means all that are enabled.
        force: train regardless of the last run.
        stop: set when this process is to end.

    Raises:
        ConfigError: a named adapter does not exist.
        RunInterrupted: `stop` was set; what was begun can be resumed.
        DatabaseUnavailable: the database stayed unavailable; what was begun can be resumed.
    """
    pauses = runtime.pauses_seconds
    _try_webhook(lambda: begin_announcing(runtime.database, runtime.settings, now=runtime.now()))
    reconciled = with_patience(lambda: reconcile(runtime), stop, pauses)
    outcomes = _report_refused(runtime, reconciled, names)
    declared = with_patience(lambda: read_declared(runtime), stop, pauses)
    end_abandoned(runtime, find_abandoned(reconciled.open_runs, declared), stop)
    chosen = with_patience(lambda: choose_adapters(runtime, names), stop, pauses)
    turns = [(adapter, Turn(is_forced=force, is_scheduled=True)) for adapter in chosen]
    while turns:
        for adapter, turn in turns:
            outcomes += _sync_one(runtime, adapter, turn, stop)
        turns = [(adapter, turn) for adapter, turn in turns if turn.has_more]
    _try_webhook(lambda: announce(runtime.database, runtime.settings, now=runtime.now))
    _try_pushing(runtime, stop)
    _answer_questions(runtime, names, stop)
    return outcomes


def _answer_questions(runtime: Runtime, names: Sequence[str], stop: threading.Event) -> None:
    """Answer the questions that wait, with the versions that are live now."""
    answering = Answering(runtime, names, stop)
    with_patience(answering.answer_waiting, stop, runtime.pauses_seconds)
    if answering.answered or answering.failed:
        runtime.reporter.say(
            f"questions: {answering.answered:,} answered, {answering.failed:,} failed"
        )
    for name, pause in answering.paused.items():
        runtime.reporter.say(f"questions to {name} wait: {pause.reason}")


def _try_webhook(work: Callable[[], object]) -> None:
    """Do this for the webhook; what fails is left to the next sync, and fails no sync."""
    try:
        work()
    except PipelineError as error:
        logger.warning("the webhook was not called: %s", error, extra={"event": "not_announced"})


def _try_pushing(runtime: Runtime, stop: threading.Event) -> None:
    """Push what is live to vLLM; what fails is left to the next sync, and fails no sync."""
    try:
        push_live(runtime.database, runtime.settings, now=runtime.now, stop=stop)
    except PipelineError as error:
        logger.warning("vLLM is not in step: %s", error, extra={"event": "not_pushed"})


def _sync_one(
    runtime: Runtime, adapter: Adapter, turn: Turn, stop: threading.Event
) -> list[Outcome]:
    if stop.is_set():
        raise RunInterrupted("stopped before the next adapter")
    try:
        return sync_adapter(runtime, adapter, turn, stop=stop)
    except (PipelineError, *ENDS_PROCESS):
        raise
    except BaseException as error:
        # An unexpected error in one adapter must not keep the others waiting.
        turn.has_more = False
        return [_report_broken(runtime, adapter.adapter_name, error)]
    finally:
        runtime.reporter.finish()


def end_abandoned(runtime: Runtime, abandoned: Sequence[OpenRun], stop: threading.Event) -> None:
    """End cancelled runs whose adapter is no longer declared."""
    for run in abandoned:
        with lease_adapter(runtime, run.adapter_name, stop) as lease:
            if lease is not None:
                cancel_run(lease, run.run_id)


def _report_refused(
    runtime: Runtime, reconciled: Reconciliation, names: Sequence[str]
) -> list[Outcome]:
    """Report the requests that reconciling ended as failed; no adapter's turn would show them."""
    outcomes = []
    for request, end in reconciled.ended:
        if not request.is_request or end.state is not RunState.FAILED:
            continue
        if names and request.adapter_name not in names:
            continue
        reason = end.error_message or end.state.value
        if request.count > 1:
            reason += f" ({request.count:,} equal requests)"
        runtime.reporter.say(f"{request.adapter_name}: refused, {reason}")
        outcomes.append(
            Outcome(
                request.adapter_name,
                SyncDecision.REFUSED,
                reason,
                request.run_id,
                end.state,
                end.error_message,
                is_new=True,
            )
        )
    return outcomes


def _report_broken(runtime: Runtime, adapter_name: str, error: BaseException) -> Outcome:
    """Report an adapter that failed in a way that no row records."""
    reason = str(internal_error(error))
    runtime.reporter.say(f"{adapter_name}: {reason}")
    logger.error(
        "%s: %s",
        adapter_name,
        reason,
        exc_info=error,
        extra={"event": "adapter_broken", "adapter": adapter_name},
    )
    return Outcome(
        adapter_name, SyncDecision.REFUSED, reason, state=RunState.FAILED, error_message=reason
    )
