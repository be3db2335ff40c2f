"""What a row that a person inserted into `runs` asks for, as a plan.

A plain request asks for what the next sync would do, and for another try after a failure. With a
backend, a base model or a manifest of its own it is a trial: trained, asked and scored like any
run, and never made live by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sqltune import wanted_keys
from sqltune.database.tables import manifests
from sqltune.errors import BackendError, ConfigError, DatabaseUnavailable, DataError
from sqltune.planning.planner import Decision, Plan, find_wanted, plan_adapter
from sqltune.records import Adapter, RunRequest
from sqltune.runtime import Runtime


def plan_request(
    runtime: Runtime, adapter: Adapter, request: RunRequest, *, check: Callable[[], None]
) -> Plan:
    """Decide what to do about a request for a run of this adapter."""
    try:
        _check_texts(request)
    except DataError as error:
        return Plan(
            adapter, Decision.REFUSED, str(error), error=error, request=request, is_trial=True
        )
    wanted_adapter = _as_asked(adapter, request)
    is_trial = wanted_adapter != adapter or request.manifest_id is not None
    if not is_trial or not adapter.is_enabled:
        plan = plan_adapter(runtime, adapter, force=request.is_forced, check=check, is_asked=True)
    else:
        plan = _plan_trial(runtime, wanted_adapter, request, check)
    return replace(plan, request=request, is_trial=is_trial)


def _check_texts(request: RunRequest) -> None:
    """Refuse bytes in place of a text, which SQLite stores as they are.

    Raises:
        DataError: a column of the row holds them.
    """
    for column in ("backend", "base_model", "trigger_reason"):
        value = getattr(request, column)
        if value is not None and not isinstance(value, str):
            raise DataError(
                f"runs.{column} of run {request.run_id} holds {type(value).__name__}: write a text",
                table="runs",
                key=str(request.run_id),
                column=column,
                code="request_refused",
            )


def _as_asked(adapter: Adapter, request: RunRequest) -> Adapter:
    """Give the adapter's row with what the request puts in place of its columns."""
    backend = request.backend or adapter.backend
    base_model = request.base_model or adapter.base_model
    if (backend, base_model) == (adapter.backend, adapter.base_model):
        return adapter
    # A revision names a state of one base model at one backend.
    return replace(adapter, backend=backend, base_model=base_model, base_model_revision=None)


def _plan_trial(
    runtime: Runtime, adapter: Adapter, request: RunRequest, check: Callable[[], None]
) -> Plan:
    reason = request.trigger_reason or "asked for by a row of runs, as a trial"
    try:
        wanted = find_wanted(runtime, adapter, check)
        if request.manifest_id is not None:
            fingerprint, samples = _find_manifest(runtime, adapter, request.manifest_id)
            key = wanted_keys.training_key(adapter, wanted.base_model, fingerprint)
            wanted = replace(wanted, fingerprint=fingerprint, samples=samples, training_key=key)
    except (ConfigError, DataError, BackendError, DatabaseUnavailable) as error:
        return Plan(adapter, Decision.REFUSED, str(error), error=error)
    return Plan(adapter, Decision.TRAIN, reason, wanted)


def _find_manifest(runtime: Runtime, adapter: Adapter, manifest_id: int) -> tuple[str, int]:
    """Give the fingerprint and the sample count of an adapter's complete manifest.

    Raises:
        DataError: there is none of this id.
    """
    with runtime.database.read() as session:
        manifest = manifests.get_manifest(session, manifest_id)
    if manifest is None or not manifest.is_complete or manifest.fingerprint is None:
        raise DataError(
            f"runs.manifest_id {manifest_id}: there is no such manifest (report_datasets has them)",
            table="runs",
            column="manifest_id",
            code="unknown_manifest",
        )
    if manifest.adapter_name != adapter.adapter_name:
        raise DataError(
            f"manifest {manifest_id} is of adapter {manifest.adapter_name!r}, not of "
            f"{adapter.adapter_name!r}",
            table="runs",
            column="manifest_id",
            code="unknown_manifest",
        )
    return manifest.fingerprint, manifest.sample_count


def reason_of(request: RunRequest, plan: Plan) -> str:
    """Give why the run exists: the person's own words, and what was found."""
    words = request.trigger_reason or "asked for by a row of runs"
    return words if plan.reason == words else f"{words}: {plan.reason}"
