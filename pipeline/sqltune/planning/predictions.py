"""Predictions: what is live answers the rows of the adapter's prediction_query.

Like an evaluation they stand beside the adapter's own runs: nothing is trained or goes live. A run
begins only where a row is to be asked, or where a person asks for one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sqltune import wanted_keys
from sqltune.backends.describing import describe_base_model
from sqltune.database.named_versions import find_live
from sqltune.database.tables import predictions, runs, states
from sqltune.errors import PipelineError
from sqltune.planning.adapter_rules import check_adapter
from sqltune.planning.kept_epochs import as_trained
from sqltune.planning.plan import AdapterPlan, Blocked, Predict, Refuse
from sqltune.planning.refusing import refusal_of, request_error
from sqltune.planning.wanted import Wanted
from sqltune.records import Adapter, AdapterVersion, RunKind, RunRequest
from sqltune.runtime import Runtime
from sqltune.selection import (
    PredictionTask,
    describe_scan,
    fingerprint_predictions,
    make_settled_key,
    scan_predictions,
)

#: Columns of a request that say what else to do.
_OF_OTHERS = (
    *("backend", "base_model", "manifest_id", "from_run_id", "from_epoch"),
    "version_number",
)


def plan_requested_predictions(
    runtime: Runtime, adapter: Adapter, request: RunRequest, *, check: Callable[[], None]
) -> AdapterPlan:
    """Plan the run that a row asks for; it begins also where no row is to be asked."""
    kind = RunKind.PREDICT
    try:
        _require_nothing_else(request)
        version = _require_live(runtime, adapter)
        plan = _plan(runtime, adapter, version, "requested by a row of runs", check)
    except BaseException as error:
        return AdapterPlan(
            adapter, Refuse(refusal_of(error)), request, is_trial=True, run_kind=kind
        )
    return replace(plan, request=request)


def plan_predictions(
    runtime: Runtime,
    adapter: Adapter,
    *,
    check: Callable[[], None],
    on_settled: Callable[[str], None],
) -> AdapterPlan | None:
    """Plan the run that asks what is new or changed; None: no row is to be asked.

    Args:
        runtime: the parts to work with.
        adapter: whose rows.
        check: raises where this process is to end.
        on_settled: called with the hash of rows of which none is to be asked.
    """
    try:
        check_adapter(adapter)
        with runtime.database.read() as session:
            version = find_live(session, adapter.adapter_name)
        if version is None:
            return None
        found, settled_key = find_rows_to_ask(runtime, adapter, version, check=check)
        if found is not None:
            return _plan(runtime, adapter, version, found, check)
        on_settled(settled_key)
        return None
    except BaseException as error:
        plan = _refuse_once(runtime, adapter, refusal_of(error))
        return AdapterPlan(adapter, plan, is_trial=True, run_kind=RunKind.PREDICT)


def _refuse_once(runtime: Runtime, adapter: Adapter, error: PipelineError) -> Refuse | Blocked:
    """Record a refusal, unless the last predictions were refused for the same reason."""
    with runtime.database.read() as session:
        last = runs.find_last_run_of_kind(session, adapter.adapter_name, RunKind.PREDICT)
    key = wanted_keys.refusal_key(adapter, error)
    return Blocked(str(error), last) if last and last.training_key == key else Refuse(error)


def find_rows_to_ask(
    runtime: Runtime, adapter: Adapter, version: AdapterVersion, *, check: Callable[[], None]
) -> tuple[str | None, str]:
    """Return which rows are to be asked, in words (None: none), and the hash that settles them.

    Raises:
        DataError: the query cannot be used.
    """
    task = PredictionTask(
        adapter,
        version.version_number,
        asks_all=adapter.predict == "all",
        max_attempts=runtime.settings.max_attempts,
    )
    reader = runtime.selection_reader(check)
    with runtime.database.read() as session:
        settled = states.get_predicted_key(session, adapter.adapter_name)
        stored_count = predictions.count_stored(session, adapter.adapter_name)
    if settled is not None and not task.asks_all:
        # Looking up what is known of each row takes longer than reading them.
        fingerprint = fingerprint_predictions(reader, adapter)
        if make_settled_key(task, fingerprint, stored_count) == settled:
            return None, settled
    with scan_predictions(runtime.database, reader, task, counts_only=True) as scan:
        found = describe_scan(scan) if scan.counts.total() else None
        return found, make_settled_key(task, scan.total.result(), stored_count)


def _plan(
    runtime: Runtime,
    adapter: Adapter,
    version: AdapterVersion,
    why: str,
    check: Callable[[], None],
) -> AdapterPlan:
    asked = as_trained(runtime, adapter, version.run_id, version.base_model_revision)
    backend = runtime.backend(version.backend)
    wanted = Wanted(
        base_model=describe_base_model(
            backend, version.base_model, version.base_model_revision, check
        ),
        fingerprint=version.fingerprint,
        eval_fingerprint="",
        samples=0,
        prompts=0,
        training_key=version.training_key,
        evaluation_key="",
    )
    plan = Predict(f"v{version.version_number} is live and asked {why}", wanted, version)
    return AdapterPlan(asked, plan, is_trial=True, run_kind=RunKind.PREDICT)


def _require_nothing_else(request: RunRequest) -> None:
    """Refuse a request that names what predictions do not depend on.

    Raises:
        DataError: names the column.
    """
    given = [column for column in _OF_OTHERS if getattr(request, column) is not None]
    if given:
        raise request_error(
            given[0],
            f"runs.{given[0]} is given, and run_kind 'predict' asks what is live: leave it out, "
            "or make another version live first",
        )


def _require_live(runtime: Runtime, adapter: Adapter) -> AdapterVersion:
    """Return the live version of an adapter with a prediction_query.

    Raises:
        ConfigError: a column of the row is wrong.
        DataError: there is no such version or query.
    """
    check_adapter(adapter)
    name = adapter.adapter_name
    if adapter.prediction_query is None:
        raise request_error(
            "run_kind",
            f"adapters.prediction_query of {name!r} is NULL: write the SELECT of row_key and "
            "prompt whose rows are to be answered",
        )
    with runtime.database.read() as session:
        version = find_live(session, name)
    if version is None:
        raise request_error(
            "run_kind",
            f"no version of {name!r} is live: train one, or make one live with `sqltune promote`",
            "unknown_version",
        )
    return version
