"""Choose the plan for an adapter: the wanted keys against those of its last ended run.

`sync` and `worker` call this under the adapter's lease; `sqltune plan` and `--dry-run` without.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqltune import wanted_keys
from sqltune.backends.options import check_validation
from sqltune.database.connection import Session
from sqltune.database.tables import manifests, runs, versions
from sqltune.errors import DatabaseUnavailable, PipelineError
from sqltune.planning.pausing import PAUSING, find_pause, is_answered
from sqltune.planning.plan import (
    Blocked,
    Disabled,
    Evaluate,
    Paused,
    Plan,
    Refuse,
    Resume,
    Train,
    UpToDate,
    Wait,
)
from sqltune.planning.reasons import (
    explain_evaluation,
    explain_retired,
    explain_row_rules,
    explain_training,
    explain_unfinished,
    find_reason_not_to_repeat,
)
from sqltune.planning.refusing import refusal_of
from sqltune.planning.row_rules import (
    BAD_ROW_COLUMNS,
    are_prompts_judged_otherwise,
    are_samples_judged_otherwise,
)
from sqltune.planning.wanted import (
    Wanted,
    assume_base_model,
    find_wanted,
    require_stable_queries,
)
from sqltune.records import Adapter, AdapterVersion, DesiredState, Run, RunRequest, RunState
from sqltune.runtime import Runtime
from sqltune.selection import SampleChanges, compare_samples, count_new_samples

logger = logging.getLogger(__name__)

_BAD_ROW_RULES = "on_bad_row, max_skipped_share or on_personal_data"


@dataclass(frozen=True, slots=True)
class History:
    """The runs and versions that an adapter has already."""

    unfinished: Run | None = None  #: begun by a runner and not ended
    last: Run | None = None  #: the last ended run
    last_planned: Run | None = None  #: the last ended run whose wanted keys were known
    version: AdapterVersion | None = None  #: the latest version
    settings: dict[str, Any] = field(default_factory=dict)  #: of `last_planned`


def plan_adapter(
    runtime: Runtime,
    adapter: Adapter,
    *,
    force: bool,
    check: Callable[[], None],
    asks_backend: bool = True,
    request: RunRequest | None = None,
) -> Plan:
    """Choose what to do for one adapter.

    Args:
        runtime: where to read.
        adapter: its row.
        force: train regardless of the last run.
        check: called while rows are read; what it raises passes through.
        asks_backend: if False, the base model is assumed to be what it was in the last run.
        request: a row of `runs` that asks: what failed or was cancelled before it is tried again.
    """
    history = read_history(runtime, adapter.adapter_name)
    if history.unfinished is not None:
        return _plan_unfinished(history.unfinished)
    if not adapter.is_enabled:
        return Disabled()
    is_requested = request is not None and not is_answered(request, history.last, runtime.now())
    if not force and not is_requested and (pause := find_pause(runtime, adapter, history.last)):
        return pause

    def plan_rows() -> Plan:
        base_model = None if asks_backend else assume_base_model(adapter, history.last_planned)
        wanted = find_wanted(runtime, adapter, check, base_model)
        check_validation(adapter, wanted.validation)
        if force:
            source = "is_forced" if request is not None else "--force"
            plan: Plan = Train(f"requested by {source}", wanted)
        else:
            plan = _choose_now(runtime, adapter, wanted, history, is_requested)
            if isinstance(plan, Train) and request is None:
                plan = _wait_for_new_samples(runtime, adapter, plan, history, check)
            plan = _apply_row_rules(runtime, adapter, plan, history)
        changes = None
        if isinstance(plan, Train) and not force:
            changes = _compare_samples(runtime, adapter, wanted, history, check)
        if isinstance(plan, Train | Evaluate):
            again = changes.fingerprint if changes else None
            last = history.last_planned
            require_stable_queries(runtime, adapter, wanted, last, check, read_again=again)
        if isinstance(plan, Train) and changes is not None:
            return replace(plan, reason=_explain_changes(adapter, wanted, history, changes))
        return plan

    try:
        return _plan_over_breaks(plan_rows)
    except BaseException as error:
        is_repeated = force or is_requested
        return _plan_refusal(runtime, adapter, refusal_of(error), history.last, is_repeated)


def _plan_over_breaks(plan_rows: Callable[[], Plan]) -> Plan:
    """Return the plan, made again where a connection broke: no run has failed yet."""
    try:
        return plan_rows()
    except DatabaseUnavailable as error:
        logger.warning("reading the rows again: %s", error, extra={"event": "database_unavailable"})
        return plan_rows()


def read_history(runtime: Runtime, adapter_name: str) -> History:
    """Read what the adapter's earlier runs left behind."""
    with runtime.database.read() as session:
        last_planned = runs.find_last_planned_run(session, adapter_name)
        return History(
            unfinished=runs.find_unfinished_run(session, adapter_name),
            last=runs.find_last_ended_run(session, adapter_name),
            last_planned=last_planned,
            version=versions.get_latest_version(session, adapter_name),
            settings=runs.get_run_settings(session, last_planned.run_id) if last_planned else {},
        )


def choose(
    adapter: Adapter,
    wanted: Wanted,
    history: History,
    *,
    now: datetime,
    max_attempts: int,
    is_requested: bool = False,
) -> Plan:
    """Compare the wanted keys with those of the last ended run."""
    last = history.last_planned
    if last is None:
        return Train("never trained", wanted)
    if (last.training_key, last.evaluation_key) != (wanted.training_key, wanted.evaluation_key):
        return _plan_change(adapter, wanted, last, history)
    if last.state in (RunState.SUCCEEDED, RunState.REJECTED):
        reason = f"nothing changed since run {last.run_id} ({last.state.value})"
        return UpToDate(reason, wanted, last)
    if is_requested:
        return _repeat(wanted, last, history.version, "it is tried again")
    obstacle = find_reason_not_to_repeat(last, max_attempts=max_attempts, now=now)
    if obstacle is None:
        reason = f"it may succeed now ({last.error_code})"
        return _repeat(wanted, last, history.version, reason)
    if obstacle.is_waiting:
        return Wait(obstacle.reason, wanted, last)
    if _differs_from_recorded(adapter, history.settings, BAD_ROW_COLUMNS):
        reason = f"{_BAD_ROW_RULES} changed since run {last.run_id} failed"
        return Train(reason, wanted)
    return Blocked(obstacle.reason, last, wanted)


def _choose_now(
    runtime: Runtime, adapter: Adapter, wanted: Wanted, history: History, is_requested: bool
) -> Plan:
    now, attempts = runtime.now(), runtime.settings.max_attempts
    return choose(
        adapter, wanted, history, now=now, max_attempts=attempts, is_requested=is_requested
    )


def _apply_row_rules(runtime: Runtime, adapter: Adapter, plan: Plan, history: History) -> Plan:
    """Begin a run where the rules for bad rows changed so that the last one would end otherwise."""
    version, last = history.version, history.last_planned
    if not isinstance(plan, UpToDate | Evaluate) or version is None or last is None:
        return plan
    with runtime.database.read() as session:
        settings = _read_settings(session, version, history)
        if are_samples_judged_otherwise(session, adapter, version, settings):
            return Train(explain_row_rules(adapter, settings), plan.wanted)
        is_same = isinstance(plan, UpToDate)
        if is_same and are_prompts_judged_otherwise(session, adapter, last, history.settings):
            reason = explain_row_rules(adapter, history.settings)
            return Evaluate(reason, plan.wanted, version)
    return plan


def _plan_unfinished(run: Run) -> Plan:
    if run.state is RunState.PAUSED and run.desired_state == DesiredState.PAUSED:
        reason = f"run {run.run_id} is paused; set its desired_state to 'running' to resume it"
        return Paused(reason, run)
    return Resume(explain_unfinished(run), run)


def _plan_change(adapter: Adapter, wanted: Wanted, last: Run, history: History) -> Plan:
    version, settings = history.version, history.settings
    if version is not None and version.training_key == wanted.training_key:
        if version.is_retired:
            return Train(explain_retired(version), wanted)
        reason = explain_evaluation(adapter, wanted, last, version, settings)
        return Evaluate(reason, wanted, version)
    return Train(explain_training(adapter, wanted, last, settings), wanted)


def _compare_samples(
    runtime: Runtime, adapter: Adapter, wanted: Wanted, history: History, check: Callable[[], None]
) -> SampleChanges | None:
    """Find which samples changed, where that is why a version is trained."""
    last = history.last_planned
    if last is None or last.fingerprint in (None, wanted.fingerprint):
        return None
    manifest_id = last.manifest_id or (history.version.manifest_id if history.version else None)
    if manifest_id is None:
        return None
    reader = runtime.selection_reader(check)
    return compare_samples(runtime.database, reader, adapter, manifest_id)


def _explain_changes(
    adapter: Adapter, wanted: Wanted, history: History, changes: SampleChanges
) -> str:
    # There are changes only since a run.
    assert history.last_planned is not None  # noqa: S101
    return explain_training(adapter, wanted, history.last_planned, history.settings, changes)


def _repeat(wanted: Wanted, last: Run, version: AdapterVersion | None, why: str) -> Plan:
    """Repeat an unsuccessful run; a version that was already trained is only evaluated."""
    reason = f"run {last.run_id} {last.state.value}; {why}"
    is_trained = version is not None and version.training_key == wanted.training_key
    if version is not None and is_trained and not version.is_retired:
        return Evaluate(reason, wanted, version, last.failure_count)
    return Train(reason, wanted, last.failure_count)


def _wait_for_new_samples(
    runtime: Runtime,
    adapter: Adapter,
    plan: Train,
    history: History,
    check: Callable[[], None],
) -> Plan:
    """Wait if only the samples changed and fewer are new than the row asks for."""
    least, wanted, version = adapter.min_new_samples, plan.wanted, history.version
    if least is None or version is None:
        return plan
    with runtime.database.read() as session:
        settings = _read_settings(session, version, history)
        manifest = manifests.get_manifest(session, version.manifest_id)
    if manifest is not None and manifest.forgotten_count:
        return plan
    # In no key of its own: another share moves samples to the other side, and none is new.
    if _differs_from_recorded(adapter, settings, ("validation_share",)):
        return plan
    same_options = wanted_keys.training_key(adapter, wanted.base_model, version.fingerprint)
    if same_options != version.training_key:
        return plan
    reader = runtime.selection_reader(check)
    found = count_new_samples(runtime.database, reader, adapter, version.manifest_id, enough=least)
    if found >= least:
        return plan
    return Wait(f"{found:,} of the {least:,} samples that min_new_samples asks for are new", wanted)


def _read_settings(session: Session, version: AdapterVersion, history: History) -> dict[str, Any]:
    """Return the settings of the run that trained a version, which is mostly the last one."""
    last = history.last_planned
    if last is not None and last.run_id == version.run_id:
        return history.settings
    return runs.get_run_settings(session, version.run_id)


def _differs_from_recorded(
    adapter: Adapter, settings: dict[str, Any], columns: Sequence[str]
) -> bool:
    """Whether one of these columns has another value than it had in the last run."""
    recorded = settings.get("adapter")
    if not isinstance(recorded, dict):
        return False
    return any(recorded.get(name) != getattr(adapter, name) for name in columns)


def _plan_refusal(
    runtime: Runtime, adapter: Adapter, error: PipelineError, last: Run | None, is_repeated: bool
) -> Plan:
    """Plan for an adapter whose wanted keys are unknown: the same refusal is recorded once only."""
    key = wanted_keys.refusal_key(adapter, error)
    if last is None or last.training_key != key:
        return Refuse(error)
    if error.code in PAUSING:
        return Refuse(error, last.failure_count)  # the pause after it grows
    if is_repeated:
        return Refuse(error)
    obstacle = find_reason_not_to_repeat(
        last, max_attempts=runtime.settings.max_attempts, now=runtime.now()
    )
    if obstacle is None:
        return Refuse(error, last.failure_count)
    return Wait(str(error), run=last) if obstacle.is_waiting else Blocked(str(error), last)
