"""What a request for a kept epoch asks for: a version of weights that a run has trained already.

It is a trial. The prompts, the scorers and the gate are those of the adapter's row as it is now;
what the weights were trained on and how is taken from the run that kept them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sqltune.database.tables import adapters, manifests, runs, versions
from sqltune.planning.plan import AdapterPlan, Refuse, Train
from sqltune.planning.refusing import refusal_of, request_error
from sqltune.planning.wanted import find_wanted
from sqltune.records import Adapter, Run, RunRequest
from sqltune.runtime import Runtime
from sqltune.selection import Fingerprint, SampleScan

_UNKNOWN = "unknown_epoch"
#: Columns of the row that say how prompts are asked and answers judged.
_OF_TODAY = (
    *("eval_query", "scorer", "extra_scorers", "pass_threshold", "max_new_tokens", "temperature"),
    *("min_gain", "gate_confidence", "max_error_share", "max_regressed_share"),
    *("gate_by_category", "min_prompts", "gate_without_prompts", "on_fall"),
    *("on_bad_row", "max_skipped_share", "on_personal_data", "near_duplicate_at"),
    *("prediction_query", "predict", "predict_every"),
)


def plan_kept_epoch(
    runtime: Runtime, adapter: Adapter, request: RunRequest, *, check: Callable[[], None]
) -> AdapterPlan:
    """Plan the run that makes a version of a kept epoch, evaluates and scores it."""
    try:
        run = _find_run(runtime, adapter, request)
        trained = as_trained(runtime, adapter, run.run_id, run.base_model_revision)
        wanted = find_wanted(runtime, trained, check, scan=_scan_of(runtime, run))
    except BaseException as error:
        return AdapterPlan(adapter, Refuse(refusal_of(error)), request, is_trial=True)
    reason = f"epoch {request.from_epoch} of run {run.run_id}, as a trial"
    planned = replace(request, manifest_id=run.manifest_id)
    return AdapterPlan(
        trained, Train(request.trigger_reason or reason, wanted), planned, is_trial=True
    )


def _find_run(runtime: Runtime, adapter: Adapter, request: RunRequest) -> Run:
    """Return the run whose epoch is asked for.

    Raises:
        DataError: it did not keep such an epoch, or is another adapter's.
    """
    run_id, epoch = request.from_run_id, request.from_epoch
    # SQLite stores what it is given, a text in a column of numbers too.
    if not isinstance(run_id, int) or not isinstance(epoch, int):
        raise request_error(
            "from_epoch",
            f"runs.from_run_id is {run_id!r} and from_epoch {epoch!r}: give both, as a row of "
            "kept_epochs has them",
            _UNKNOWN,
        )
    with runtime.database.read() as session:
        kept = versions.get_kept_epoch(session, run_id, epoch)
        run = runs.get_run(session, run_id)
    if kept is None or run is None or kept.adapter_name != adapter.adapter_name:
        raise request_error(
            "from_epoch",
            f"run {run_id} kept no epoch {epoch} of adapter {adapter.adapter_name!r} (table "
            "kept_epochs lists them; adapters.keep_epochs = 1 keeps those of the next training)",
            _UNKNOWN,
        )
    return run


def as_trained(runtime: Runtime, adapter: Adapter, run_id: int, revision: str | None) -> Adapter:
    """Return the row that a run was trained by, which evaluates as today's row says.

    Args:
        runtime: where to read.
        adapter: today's row.
        run_id: the run that trained.
        revision: of the base model that it trained on.

    Raises:
        DataError: runs.settings, where the row is stored, was changed by hand.
    """
    with runtime.database.read() as session:
        trained = adapters.of_run(session, run_id)
    of_today = {name: getattr(adapter, name) for name in _OF_TODAY}
    return replace(trained, base_model_revision=revision, **of_today)


def _scan_of(runtime: Runtime, run: Run) -> SampleScan:
    """Return what the run selected, so that its samples are not selected again."""
    with runtime.database.read() as session:
        manifest = manifests.get_manifest(session, run.manifest_id or 0)
    text = run.fingerprint or "0-"
    fingerprint = Fingerprint(text, int(text.split("-")[0]))
    return SampleScan(fingerprint, manifest.validation_count if manifest else 0)
