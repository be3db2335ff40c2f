"""What the row of a run says at its beginning and at its end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqltune import __version__, wanted_keys
from sqltune.database.tables import adapters, runs
from sqltune.errors import PipelineError
from sqltune.planning.planner import Plan
from sqltune.planning.requests import reason_of
from sqltune.records import Adapter, RunState
from sqltune.run.next_step import next_step, next_try
from sqltune.runtime import Runtime


def new_run(runtime: Runtime, plan: Plan, live: int | None) -> runs.NewRun:
    """Give the row of a run that this plan asks for; `live` is the version that is live now."""
    wanted = plan.wanted
    own = plan.version.version_number if plan.version else None
    if wanted is None:
        return _refused_run(runtime, plan)
    return runs.NewRun(
        adapter_name=plan.adapter.adapter_name,
        run_key=runtime.new_id(),
        run_kind=plan.run_kind,
        trigger_reason=reason_of(plan.request, plan) if plan.request else plan.reason,
        backend=plan.adapter.backend,
        is_simulated=wanted.base_model.is_simulated,
        base_model=wanted.base_model.name,
        base_model_revision=wanted.base_model.revision,
        fingerprint=wanted.fingerprint,
        eval_fingerprint=wanted.eval_fingerprint,
        training_key=wanted.training_key,
        evaluation_key=wanted.evaluation_key,
        version_number=own,
        # A version is not compared with itself, but with the base model.
        before_version=live if live != own else None,
        settings=_effective_settings(runtime, plan.adapter),
        failure_count=plan.failure_count,
        next_step=next_step(RunState.QUEUED, plan.run_kind),
        is_trial=plan.is_trial,
        manifest_id=plan.request.manifest_id if plan.request else None,
    )


def _refused_run(runtime: Runtime, plan: Plan) -> runs.NewRun:
    error = plan.error or PipelineError(plan.reason)
    key = wanted_keys.refusal_key(plan.adapter, error.code, str(error))
    who = "a row of runs" if plan.is_trial else "the adapter's row"
    words = plan.request.trigger_reason if plan.request else None
    return runs.NewRun(
        adapter_name=plan.adapter.adapter_name,
        run_key=runtime.new_id(),
        run_kind=plan.run_kind,
        trigger_reason=words or f"{who} asks for what cannot be done",
        backend=plan.adapter.backend,
        is_simulated=False,
        base_model=plan.adapter.base_model,
        base_model_revision=plan.adapter.base_model_revision,
        fingerprint=None,
        eval_fingerprint=None,
        training_key=key,
        evaluation_key=key,
        version_number=None,
        before_version=None,
        settings=_effective_settings(runtime, plan.adapter),
        failure_count=plan.failure_count,
        next_step=next_step(RunState.QUEUED, plan.run_kind),
        is_trial=plan.is_trial,
        manifest_id=plan.request.manifest_id if plan.request else None,
    )


def _effective_settings(runtime: Runtime, adapter: Adapter) -> dict[str, Any]:
    return {
        "version": __version__,
        "adapter": adapters.to_plain(adapter),
        "settings": runtime.settings.without_secrets(),
    }


def failure(runtime: Runtime, error: Exception, failures_before: int) -> runs.RunEnd:
    """Give the end of a run that went wrong, with the time of the next try where there is one."""
    failures = failures_before + 1
    # A full disk or a folder that is not ours gets mended, and nobody touches a row for it.
    is_retryable = isinstance(error, OSError) or getattr(error, "retryable", False)
    pause = timedelta(seconds=runtime.settings.retry_wait_seconds * 2 ** (failures - 1))
    at = runtime.now() + pause if is_retryable else None
    is_last = failures >= runtime.settings.max_attempts
    return runs.RunEnd(
        state=RunState.FAILED,
        error_code=_code(error),
        error_message=str(error) or type(error).__name__,
        is_retryable=is_retryable,
        failure_count=failures,
        next_attempt_at=at,
        next_step=next_try(None if is_last else at),
    )


def _code(error: Exception) -> str:
    if isinstance(error, PipelineError):
        return error.code
    return "os_error" if isinstance(error, OSError) else "internal_error"
