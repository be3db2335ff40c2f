"""What a row that a person inserted into `runs` asks for, as a plan.

A plain request asks for what the next sync would do, and for another attempt after a failure. A
request with a backend, a base model or a manifest of its own is a trial: it is trained, evaluated
and scored like any run, and never goes live automatically. A request for a kept epoch
(kept_epochs.py), or for an evaluation (evaluations.py), is a trial that trains nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sqltune import wanted_keys
from sqltune.backends.options import check_validation
from sqltune.database.tables import expiring, manifests
from sqltune.database.tables.manifests import StoredManifest
from sqltune.database.tables.requests import EqualRequests
from sqltune.errors import DataError
from sqltune.planning.evaluations import plan_evaluation
from sqltune.planning.kept_epochs import plan_kept_epoch
from sqltune.planning.plan import AdapterPlan, Plan, Refuse, Train
from sqltune.planning.planner import plan_adapter
from sqltune.planning.predictions import plan_requested_predictions
from sqltune.planning.refusing import refusal_of
from sqltune.planning.wanted import find_wanted, require_stable_queries
from sqltune.records import Adapter, RunKind, RunRequest
from sqltune.runtime import Runtime

_REQUESTED = "requested by a row of runs"
#: Kinds of run that ask a version and train nothing.
_OF_VERSIONS = (RunKind.EVALUATE, RunKind.PREDICT)


def plan_request(
    runtime: Runtime,
    adapter: Adapter,
    request: RunRequest,
    *,
    check: Callable[[], None],
    equal: EqualRequests | None = None,
) -> AdapterPlan:
    """Choose what to do about a request for a run of this adapter.

    Args:
        runtime: where to read.
        adapter: its row.
        request: what is asked for.
        check: called while rows are read; what it raises passes through.
        equal: requests that the same answer settles, if this one asks for no more than a sync.
    """
    try:
        _require_values(request)
    except DataError as error:
        return AdapterPlan(adapter, Refuse(error), request, is_trial=True)
    if request.run_kind == RunKind.EVALUATE and adapter.is_enabled:
        return plan_evaluation(runtime, adapter, request, check=check)
    if request.run_kind == RunKind.PREDICT and adapter.is_enabled:
        return plan_requested_predictions(runtime, adapter, request, check=check)
    requested = _apply_request(adapter, request)
    asks_for_epoch = request.from_run_id is not None or request.from_epoch is not None
    if asks_for_epoch and adapter.is_enabled:
        return plan_kept_epoch(runtime, adapter, request, check=check)
    is_trial = requested != adapter or request.manifest_id is not None
    if is_trial and adapter.is_enabled:
        return AdapterPlan(
            requested, _plan_trial(runtime, requested, request, check), request, is_trial
        )
    is_forced = request.is_forced is True
    plan = plan_adapter(runtime, adapter, force=is_forced, check=check, request=request)
    return AdapterPlan(adapter, plan, request, is_trial, _equal_to(request, is_trial, equal))


def _equal_to(
    request: RunRequest, is_trial: bool, equal: EqualRequests | None
) -> EqualRequests | None:
    if equal is None or is_trial or request.is_forced or request.queued_at is None:
        return None
    return equal


def refuse_request(adapter: Adapter, request: RunRequest, refusal: Refuse) -> AdapterPlan:
    """Refuse a request without planning it."""
    if request.run_kind in _OF_VERSIONS:
        kind = RunKind(request.run_kind)
        return AdapterPlan(adapter, refusal, request, is_trial=True, run_kind=kind)
    requested = _apply_request(adapter, request)
    asks_for_other = request.manifest_id is not None or request.from_run_id is not None
    return AdapterPlan(requested, refusal, request, requested != adapter or asks_for_other)


def asks_for_sync(adapter: Adapter, request: RunRequest) -> bool:
    """Whether a request asks for no more than the next sync does, forced or not."""
    try:
        _require_values(request)
    except DataError:
        return False
    others = (request.manifest_id, request.from_run_id, request.from_epoch)
    is_same = all(value is None for value in others) and _apply_request(adapter, request) == adapter
    return is_same and request.run_kind not in _OF_VERSIONS


def request_reason(request: RunRequest, plan: Plan) -> str:
    """Return why the run exists: the person's own words, and what planning found."""
    words = request.trigger_reason or _REQUESTED
    return words if plan.reason == words else f"{words}: {plan.reason}"


def _require_values(request: RunRequest) -> None:
    """Refuse what is no value of a column: bytes in place of a text, which SQLite stores too.

    Raises:
        DataError: a column of the row holds another type, or a word that says nothing.
    """
    if request.is_forced is None:
        raise _wrong(request, "is_forced", "says neither 1 nor 0: write one of them")
    for column in ("backend", "base_model", "trigger_reason"):
        value = getattr(request, column)
        if value is not None and not isinstance(value, str):
            raise _wrong(request, column, f"holds {type(value).__name__}: write a text")
    if request.run_kind not in (None, RunKind.TRAIN, *_OF_VERSIONS):
        words = f"is {request.run_kind!r}: write 'train', 'evaluate' or 'predict', or leave it out"
        raise _wrong(request, "run_kind", words)
    if request.version_number is not None and request.run_kind not in _OF_VERSIONS:
        words = "says which version is evaluated: write run_kind 'evaluate' too, or leave it out"
        raise _wrong(request, "version_number", words)


def _wrong(request: RunRequest, column: str, words: str) -> DataError:
    return DataError(
        f"runs.{column} of run {request.run_id} {words}",
        table="runs",
        key=str(request.run_id),
        column=column,
        code="request_refused",
    )


def _apply_request(adapter: Adapter, request: RunRequest) -> Adapter:
    """Return the adapter's row with the request's values in place of its own."""
    backend = request.backend or adapter.backend
    base_model = request.base_model or adapter.base_model
    if (backend, base_model) == (adapter.backend, adapter.base_model):
        return adapter
    # A revision belongs to one base model at one backend.
    return replace(adapter, backend=backend, base_model=base_model, base_model_revision=None)


def _plan_trial(
    runtime: Runtime, adapter: Adapter, request: RunRequest, check: Callable[[], None]
) -> Plan:
    try:
        wanted = find_wanted(runtime, adapter, check)
        if request.manifest_id is None:
            require_stable_queries(runtime, adapter, wanted, None, check)
        else:
            manifest = _find_manifest(runtime, adapter, request.manifest_id)
            fingerprint = manifest.fingerprint or ""
            wanted = replace(
                wanted,
                fingerprint=fingerprint,
                samples=manifest.sample_count - manifest.validation_count,
                validation=manifest.validation_count,
                training_key=wanted_keys.training_key(adapter, wanted.base_model, fingerprint),
            )
        check_validation(adapter, wanted.validation)
    except BaseException as error:
        return Refuse(refusal_of(error))
    return Train(request.trigger_reason or f"{_REQUESTED}, as a trial", wanted)


def _find_manifest(runtime: Runtime, adapter: Adapter, manifest_id: int) -> StoredManifest:
    """Return an adapter's complete manifest.

    Raises:
        DataError: no complete manifest of this adapter has this id.
    """
    with runtime.database.read() as session:
        manifest = manifests.get_manifest(session, manifest_id)
        expired_count = expiring.count_expired_samples(session, manifest_id)
    if manifest is None or not manifest.is_complete or manifest.fingerprint is None:
        raise DataError(
            f"runs.manifest_id {manifest_id}: there is no such manifest (report_datasets lists "
            "them)",
            table="runs",
            column="manifest_id",
            code="unknown_manifest",
        )
    _require_texts(manifest, expired_count)
    if manifest.adapter_name != adapter.adapter_name:
        raise DataError(
            f"manifest {manifest_id} belongs to adapter {manifest.adapter_name!r}, not to "
            f"{adapter.adapter_name!r}",
            table="runs",
            column="manifest_id",
            code="unknown_manifest",
        )
    return manifest


def _require_texts(manifest: StoredManifest, expired_count: int) -> None:
    """Require that no sample of a manifest lost its texts.

    Raises:
        DataError: some were forgotten, or are older than they are kept.
    """
    if manifest.forgotten_count:
        code, lost = "forgotten_samples", f"{manifest.forgotten_count:,} forgotten samples"
    elif expired_count:
        code, lost = "expired_samples", f"{expired_count:,} samples whose texts expired"
    else:
        return
    raise DataError(
        f"manifest {manifest.manifest_id} has {lost}, so nothing is trained on it again: ask for a "
        "run without manifest_id",
        table="runs",
        column="manifest_id",
        code=code,
    )
