"""Adapters whose planning took too long or killed its runner: they are planned again after a pause.

The pause doubles with every failure. A changed row, a changed time limit, `--force` and a request
end it at once.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqltune.database.tables import adapters, runs
from sqltune.errors import DataError, RunnerDied, SelectionTimeout
from sqltune.planning.plan import Refuse, Wait
from sqltune.records import Adapter, Run, RunRequest, RunState
from sqltune.runtime import Runtime

#: Ends that are found out only by doing again what may cost the same once more.
PAUSING = (SelectionTimeout.code, RunnerDied.code)
LONGEST_PAUSE = timedelta(days=1)


def find_pause(runtime: Runtime, adapter: Adapter, last: Run | None) -> Wait | None:
    """Return the plan to wait if the adapter's last run ended so, and nothing changed since."""
    if last is None or last.state is not RunState.FAILED or last.error_code not in PAUSING:
        return None
    at, now = last.next_attempt_at, runtime.now()
    # A later time was written by a wrong clock.
    if (
        at is None
        or not now < at <= now + LONGEST_PAUSE
        or not _is_unchanged(runtime, adapter, last)
    ):
        return None
    reason = (
        f"run {last.run_id} failed ({last.error_message}); it is tried again from "
        f"{at:%Y-%m-%d %H:%M:%S} UTC, or at once with --force or when the adapter's row changes"
    )
    return Wait(reason, run=last)


def refuse_after_crashes(runtime: Runtime, adapter: Adapter) -> Refuse:
    """Return the refusal of an adapter whose planning killed its runners."""
    with runtime.database.read() as session:
        last = runs.find_last_ended_run(session, adapter.adapter_name)
    is_repeated = last is not None and last.error_code == RunnerDied.code
    return Refuse(
        runner_died(runtime, "while the adapter was planned", retryable=True),
        last.failure_count if last is not None and is_repeated else 0,
    )


def runner_died(runtime: Runtime, when: str, *, retryable: bool = False) -> RunnerDied:
    """Return what is recorded once as many runners as may try died."""
    return RunnerDied(
        f"{runtime.settings.max_attempts} runners in a row (max_attempts) died {when}, and none "
        "could say why: look for a row, a text or a pattern that takes all memory or never ends, "
        "and in the system's log for a killed process",
        retryable=retryable,
    )


def is_answered(request: RunRequest, last: Run | None, now: datetime) -> bool:
    """Whether the adapter's last run began after the request was made, so that it answers it."""
    if last is None or last.state is RunState.CANCELLED:
        return False
    asked, began = request.queued_at, last.started_at
    return asked is not None and began is not None and asked <= began <= now


def _is_unchanged(runtime: Runtime, adapter: Adapter, last: Run) -> bool:
    with runtime.database.read() as session:
        recorded = runs.get_run_settings(session, last.run_id).get("settings")
        try:
            is_same = adapters.of_run(session, last.run_id) == adapter
        except DataError:
            return False
    limit = runtime.settings.selection_timeout_seconds
    return (
        is_same
        and isinstance(recorded, dict)
        and (recorded.get("selection_timeout_seconds") == limit)
    )
