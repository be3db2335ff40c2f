"""The row of a run at its beginning."""

from __future__ import annotations

from typing import Any

from sqltune import wanted_keys
from sqltune.database.tables import adapters, runs
from sqltune.planning.plan import AdapterPlan, Evaluate, Predict, Refuse, Train
from sqltune.planning.requests import request_reason
from sqltune.records import Adapter, RunKind, RunState
from sqltune.run.next_step import next_step
from sqltune.runtime import Runtime
from sqltune.settings import VERSION


def new_run(
    runtime: Runtime,
    planned: AdapterPlan,
    plan: Train | Evaluate | Predict | Refuse,
    live: int | None,
) -> runs.NewRun:
    """Return the row of the run that a plan asks for.

    Args:
        runtime: the effective settings, and ids.
        planned: the row and the request that the plan is about.
        plan: the plan of `planned`.
        live: the version that is live now, if any.
    """
    wanted = None if isinstance(plan, Refuse) else plan.wanted
    run_kind = _find_kind(planned, plan)
    version = _find_version(planned, plan)
    adapter = planned.adapter
    training_key, evaluation_key = _find_keys(plan, adapter)
    return runs.NewRun(
        adapter_name=adapter.adapter_name,
        run_key=runtime.new_id(),
        run_kind=run_kind,
        trigger_reason=_trigger_reason(planned, plan),
        backend=adapter.backend,
        is_simulated=wanted.base_model.is_simulated if wanted else False,
        base_model=wanted.base_model.name if wanted else adapter.base_model,
        base_model_revision=(wanted.base_model.revision if wanted else adapter.base_model_revision),
        fingerprint=wanted.fingerprint if wanted else None,
        eval_fingerprint=wanted.eval_fingerprint or None if wanted else None,
        training_columns=wanted.training_columns if wanted else None,
        eval_columns=wanted.eval_columns if wanted else None,
        training_key=training_key,
        evaluation_key=evaluation_key,
        version_number=version,
        before_version=_find_before(planned, plan, live),
        settings=_effective_settings(runtime, adapter),
        failure_count=plan.failure_count,
        next_step=next_step(RunState.QUEUED, run_kind),
        is_trial=planned.is_trial,
        manifest_id=_find_manifest(planned, plan),
    )


def _find_kind(planned: AdapterPlan, plan: Train | Evaluate | Predict | Refuse) -> RunKind:
    is_own = isinstance(plan, Evaluate) and planned.run_kind is RunKind.TRAIN
    return RunKind.EVALUATE if is_own else planned.run_kind


def _find_before(
    planned: AdapterPlan, plan: Train | Evaluate | Predict | Refuse, live: int | None
) -> int | None:
    """Return the version to compare with; None: the base model."""
    if isinstance(plan, Refuse | Predict):
        return None
    if not isinstance(plan, Evaluate):
        return live
    # A version is not compared with itself.
    if planned.run_kind is RunKind.REEVALUATE:
        live = plan.earlier_version
    return None if live == plan.version.version_number else live


def _find_version(planned: AdapterPlan, plan: Train | Evaluate | Predict | Refuse) -> int | None:
    """Return the version that is evaluated; of a refused request, the one that it asks for."""
    if isinstance(plan, Evaluate | Predict):
        return plan.version.version_number
    asked = planned.request.version_number if planned.request else None
    is_kept = planned.run_kind is RunKind.EVALUATE and isinstance(asked, int)
    return asked if is_kept else None


def _find_manifest(planned: AdapterPlan, plan: Train | Evaluate | Predict | Refuse) -> int | None:
    """Return the samples that are given; None: the selection makes a manifest."""
    if isinstance(plan, Evaluate):
        # Prompts that the version was trained on are found among its samples.
        return plan.version.manifest_id
    return planned.request.manifest_id if planned.request else None


def _find_keys(plan: Train | Evaluate | Predict | Refuse, adapter: Adapter) -> tuple[str, str]:
    if isinstance(plan, Refuse):
        key = wanted_keys.refusal_key(adapter, plan.error)
        return key, key
    return plan.wanted.training_key, plan.wanted.evaluation_key


def _trigger_reason(planned: AdapterPlan, plan: Train | Evaluate | Predict | Refuse) -> str:
    request = planned.request
    if not isinstance(plan, Refuse):
        return request_reason(request, plan) if request else plan.reason
    source = "a row of runs" if request else "the adapter's row"
    words = request.trigger_reason if request else None
    return words or f"{source} asks for something impossible"


def _effective_settings(runtime: Runtime, adapter: Adapter) -> dict[str, Any]:
    return {
        "version": VERSION,
        "adapter": adapters.to_plain(adapter),
        "settings": runtime.settings.without_secrets(),
    }
