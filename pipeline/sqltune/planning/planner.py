"""What a sync would do for an adapter, and why: the wanted key against that of the last ended run.

Reads only. The worker calls this under the adapter's lease; `sqltune plan` and `--dry-run` call it
without.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqltune import evaluation, wanted_keys
from sqltune.backends.base import BaseModel
from sqltune.backends.options import check_options
from sqltune.database.tables import adapters, runs, versions
from sqltune.errors import BackendError, ConfigError, DatabaseUnavailable, DataError, PipelineError
from sqltune.records import (
    Adapter,
    AdapterVersion,
    DesiredState,
    Run,
    RunKind,
    RunRequest,
    RunState,
)
from sqltune.runtime import Runtime
from sqltune.selection import (
    SelectionReader,
    count_new_samples,
    fingerprint_prompts,
    fingerprint_samples,
)

_BAD_ROW_COLUMNS = ("on_bad_row", "max_skipped_share")


class Decision(StrEnum):
    """What a sync does for one adapter; `adapter_states.decision`."""

    UP_TO_DATE = "up_to_date"
    TRAIN = "train"
    EVALUATE = "evaluate"
    RESUME = "resume"
    WAIT = "wait"
    BLOCKED = "blocked"
    REFUSED = "refused"
    BUSY = "busy"
    PAUSED = "paused"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The state that an adapter should be in, by its row and the rows that its queries give."""

    base_model: BaseModel
    fingerprint: str
    eval_fingerprint: str
    samples: int
    prompts: int
    training_key: str
    evaluation_key: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do for one adapter."""

    adapter: Adapter
    decision: Decision
    reason: str
    wanted: Wanted | None = None  #: None: resumed, or refused before it was known
    run: Run | None = None  #: RESUME: the run to go on with; BLOCKED and WAIT: the failed one
    version: AdapterVersion | None = None  #: EVALUATE: the version to evaluate
    error: PipelineError | None = None  #: REFUSED: why
    failure_count: int = 0  #: failed runs in a row with the wanted key
    request: RunRequest | None = None  #: the row that asks for it; None: nobody but the schedule
    is_trial: bool = False  #: it asks for something else than the adapter's row says

    @property
    def run_id(self) -> int | None:
        """The run to resume, or the last one."""
        return self.run.run_id if self.run is not None else None

    @property
    def run_kind(self) -> RunKind:
        """Whether the run that this plan asks for trains."""
        return RunKind.EVALUATE if self.decision is Decision.EVALUATE else RunKind.TRAIN


def plan_adapter(
    runtime: Runtime,
    adapter: Adapter,
    *,
    force: bool,
    check: Callable[[], None],
    asks_backend: bool = True,
    is_asked: bool = False,
) -> Plan:
    """Decide what to do for one adapter.

    Args:
        runtime: where to read.
        adapter: its row.
        force: train whatever the last run says.
        check: called while rows are read; what it raises passes through.
        asks_backend: without, the base model is taken to be what it was in the last run.
        is_asked: a person asks: what failed or was cancelled is tried again, now.
    """
    with runtime.database.read() as session:
        unfinished = runs.find_unfinished_run(session, adapter.adapter_name)
        last = runs.find_last_ended_run(session, adapter.adapter_name)
        last_planned = runs.find_last_planned_run(session, adapter.adapter_name)
        version = versions.get_latest_version(session, adapter.adapter_name)
        settings = runs.get_run_settings(session, last_planned.run_id) if last_planned else {}
    if unfinished is not None:
        return _plan_unfinished(adapter, unfinished)
    if not adapter.is_enabled:
        reason = "it is disabled: set its is_enabled to 1"
        return Plan(adapter, Decision.DISABLED, reason)
    try:
        base_model = None if asks_backend else _remember_base_model(adapter, last_planned)
        wanted = find_wanted(runtime, adapter, check, base_model)
    except (ConfigError, DataError, BackendError, DatabaseUnavailable) as error:
        return _plan_refusal(adapter, error, None if force or is_asked else last, runtime)
    if force:
        how = "is_forced" if is_asked else "--force"
        return Plan(adapter, Decision.TRAIN, f"asked for by {how}", wanted)
    plan = choose(adapter, wanted, last_planned, version, runtime, is_asked=is_asked)
    if plan.decision is Decision.TRAIN and not is_asked:
        try:
            plan = _wait_for_new_samples(runtime, plan, version, check)
        except (DataError, DatabaseUnavailable) as error:
            return _plan_refusal(adapter, error, last, runtime)
    if plan.decision is Decision.BLOCKED and _treats_bad_rows_otherwise(adapter, settings):
        reason = f"on_bad_row or max_skipped_share changed since run {plan.run_id} failed"
        return Plan(adapter, Decision.TRAIN, reason, wanted)
    return plan


def find_wanted(
    runtime: Runtime,
    adapter: Adapter,
    check: Callable[[], None],
    base_model: BaseModel | None = None,
) -> Wanted:
    """Read the adapter's selections and give the keys that its row asks for.

    Args:
        runtime: where to read.
        adapter: its row.
        check: called while rows are read; what it raises passes through.
        base_model: what to take the base model for; None: ask the backend.

    Raises:
        ConfigError: a column of the row, or a setting, is wrong.
        DataError: a query is refused or does not run.
        BackendError: the backend does not have the base model.
    """
    adapters.check_adapter(adapter)
    evaluation.plan_scoring(adapter)
    backend = runtime.backend(adapter.backend)
    check_options(
        adapter.backend, wanted_keys.training_options(adapter), wanted_keys.decoding_of(adapter)
    )
    if base_model is None:
        base_model = backend.describe(adapter.base_model, adapter.base_model_revision)
    reader = _selection_reader(runtime, check)
    training = fingerprint_samples(reader, adapter)
    prompts = fingerprint_prompts(reader, adapter)
    return Wanted(
        base_model=base_model,
        fingerprint=training.text,
        eval_fingerprint=prompts.text,
        samples=training.row_count,
        prompts=prompts.row_count,
        training_key=wanted_keys.training_key(adapter, base_model, training.text),
        evaluation_key=wanted_keys.evaluation_key(adapter, prompts.text),
    )


def _selection_reader(runtime: Runtime, check: Callable[[], None]) -> SelectionReader:
    limit = runtime.settings.selection_timeout_seconds
    return SelectionReader(runtime.selection_database, check, limit)


def _remember_base_model(adapter: Adapter, last: Run | None) -> BaseModel:
    """Give the base model as the last run knew it, without asking anybody."""
    name, revision = adapter.base_model, adapter.base_model_revision
    if last is not None and (last.backend, last.base_model) == (adapter.backend, name):
        revision = revision or last.base_model_revision
    return BaseModel(name=name, revision=revision, max_tokens=None, is_simulated=False)


def choose(
    adapter: Adapter,
    wanted: Wanted,
    last: Run | None,
    version: AdapterVersion | None,
    runtime: Runtime,
    *,
    is_asked: bool = False,
) -> Plan:
    """Compare what is wanted with the last ended run."""
    if last is None:
        return Plan(adapter, Decision.TRAIN, "never trained", wanted)
    is_same = (last.training_key, last.evaluation_key) == (
        wanted.training_key,
        wanted.evaluation_key,
    )
    if not is_same:
        return _plan_change(adapter, wanted, last, version)
    if last.state in (RunState.SUCCEEDED, RunState.REJECTED):
        reason = f"nothing changed since run {last.run_id} ({last.state.value})"
        return Plan(adapter, Decision.UP_TO_DATE, reason, wanted, run=last)
    return _plan_repeat(adapter, wanted, last, version, runtime, is_asked=is_asked)


def _plan_change(
    adapter: Adapter, wanted: Wanted, last: Run, version: AdapterVersion | None
) -> Plan:
    if version is not None and version.training_key == wanted.training_key:
        reason = _explain_evaluation(wanted, last, version)
        return Plan(adapter, Decision.EVALUATE, reason, wanted, version=version)
    return Plan(adapter, Decision.TRAIN, _explain_training(adapter, wanted, last), wanted)


def _plan_repeat(
    adapter: Adapter,
    wanted: Wanted,
    last: Run,
    version: AdapterVersion | None,
    runtime: Runtime,
    *,
    is_asked: bool,
) -> Plan:
    """Decide on a run that failed or was cancelled while nothing changed since."""
    refusal = _reason_not_to_repeat(last, runtime.settings.max_attempts, runtime.now())
    if refusal is not None and not is_asked:
        decision, reason = refusal
        return Plan(adapter, decision, reason, wanted, run=last)
    is_trained = version is not None and version.training_key == wanted.training_key
    why = "is tried again" if is_asked else f"may succeed now ({last.error_code})"
    return Plan(
        adapter,
        Decision.EVALUATE if is_trained else Decision.TRAIN,
        f"run {last.run_id} {last.state.value} and {why}",
        wanted,
        version=version if is_trained else None,
        failure_count=last.failure_count,
    )


def _plan_unfinished(adapter: Adapter, run: Run) -> Plan:
    """Go on with a run that was begun, unless a person wants it to be held."""
    if run.state is RunState.PAUSED and run.desired_state == DesiredState.PAUSED:
        reason = f"run {run.run_id} is held; it goes on when its desired_state is 'running'"
        return Plan(adapter, Decision.PAUSED, reason, run=run)
    state = run.resume_state if run.state is RunState.PAUSED else run.state
    verb = "was held" if run.state is RunState.PAUSED else "stopped"
    reason = f"run {run.run_id} {verb} while {(state or run.state).value}"
    return Plan(adapter, Decision.RESUME, reason, run=run, failure_count=run.failure_count)


def _wait_for_new_samples(
    runtime: Runtime, plan: Plan, version: AdapterVersion | None, check: Callable[[], None]
) -> Plan:
    """Wait where only the samples changed, and fewer are new than the row asks for."""
    adapter, wanted = plan.adapter, plan.wanted
    least = adapter.min_new_samples
    if least is None or version is None or wanted is None:
        return plan
    if (
        wanted_keys.training_key(adapter, wanted.base_model, version.fingerprint)
        != version.training_key
    ):
        return plan
    found = count_new_samples(
        runtime.database,
        _selection_reader(runtime, check),
        adapter,
        version.manifest_id,
        enough=least,
    )
    if found >= least:
        return plan
    reason = f"{found:,} of the {least:,} new samples that min_new_samples asks for are there"
    return Plan(adapter, Decision.WAIT, reason, wanted)


def _treats_bad_rows_otherwise(adapter: Adapter, settings: dict[str, Any]) -> bool:
    """Say whether the row tells to do something else with bad rows than it told the last run.

    That is in no key, because it changes nothing where every row is good.
    """
    told = settings.get("adapter")
    if not isinstance(told, dict):
        return False
    return any(told.get(name) != getattr(adapter, name) for name in _BAD_ROW_COLUMNS)


def _reason_not_to_repeat(
    last: Run, max_attempts: int, now: datetime
) -> tuple[Decision, str] | None:
    name = f"run {last.run_id}"
    if last.state is RunState.CANCELLED:
        return Decision.BLOCKED, f"{name} was cancelled and nothing changed since (use --force)"
    if not last.is_retryable:
        return (
            Decision.BLOCKED,
            f"{name} failed and nothing changed since: {last.error_message} (--force tries again)",
        )
    if last.failure_count >= max_attempts:
        return (
            Decision.BLOCKED,
            f"{name} failed {last.failure_count} times in a row: {last.error_message}",
        )
    if last.next_attempt_at is not None and now < last.next_attempt_at:
        at = last.next_attempt_at.strftime("%Y-%m-%d %H:%M:%S UTC")
        return Decision.WAIT, f"{name} failed ({last.error_message}); tried again from {at}"
    return None


def _plan_refusal(
    adapter: Adapter, error: PipelineError, last: Run | None, runtime: Runtime
) -> Plan:
    """Decide on an adapter whose wanted key cannot be found: it is said once, not at every sync."""
    key = wanted_keys.refusal_key(adapter, error.code, str(error))
    if last is None or last.training_key != key:
        return Plan(adapter, Decision.REFUSED, str(error), error=error)
    refusal = _reason_not_to_repeat(last, runtime.settings.max_attempts, runtime.now())
    if refusal is not None:
        return Plan(adapter, refusal[0], str(error), run=last, error=error)
    return Plan(
        adapter, Decision.REFUSED, str(error), error=error, failure_count=last.failure_count
    )


def _explain_training(adapter: Adapter, wanted: Wanted, last: Run) -> str:
    if last.fingerprint != wanted.fingerprint and last.fingerprint is not None:
        before = last.fingerprint.split("-")[0]
        if before == str(wanted.samples):
            return f"the content of the samples changed ({wanted.samples:,} rows)"
        return f"the samples changed: {int(before):,} rows before, {wanted.samples:,} now"
    if last.backend != adapter.backend:
        return f"the backend changed from {last.backend} to {adapter.backend}"
    if last.base_model != wanted.base_model.name:
        return f"the base model changed from {last.base_model} to {wanted.base_model.name}"
    if last.base_model_revision != wanted.base_model.revision:
        return f"{wanted.base_model.name} has another revision now"
    if last.state in (RunState.FAILED, RunState.CANCELLED):
        return f"run {last.run_id} {last.state.value}, and the adapter changed since"
    return "the training options changed"


def _explain_evaluation(wanted: Wanted, last: Run, version: AdapterVersion) -> str:
    label = f"v{version.version_number}"
    if last.eval_fingerprint != wanted.eval_fingerprint:
        return f"only the evaluation prompts changed: {label} is evaluated again"
    return f"only scorer, decoding or gate changed: {label} is evaluated again"
