"""Evaluations without a training: of any version that a row asks for, and of what is live when due.

They are trials: nothing is trained and nothing goes live. The prompts, the scorers and the gate are
those of the adapter's row as it is now; a version is asked in the form in which it was trained.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sqltune.database.connection import Session
from sqltune.database.named_versions import find_live
from sqltune.database.tables import aliases, versions
from sqltune.planning.kept_epochs import as_trained
from sqltune.planning.plan import AdapterPlan, Evaluate, Refuse
from sqltune.planning.refusing import refusal_of, request_error
from sqltune.planning.wanted import find_wanted
from sqltune.records import Adapter, AdapterVersion, RunKind, RunRequest
from sqltune.runtime import Runtime
from sqltune.selection import Fingerprint, SampleScan

#: Columns of a request that say how something is trained.
_OF_TRAININGS = ("backend", "base_model", "manifest_id", "from_run_id", "from_epoch")


def plan_evaluation(
    runtime: Runtime, adapter: Adapter, request: RunRequest, *, check: Callable[[], None]
) -> AdapterPlan:
    """Plan the run that evaluates a version."""
    kind = RunKind.EVALUATE
    try:
        version = _find_version(runtime, adapter, request)
        planned, _ = _plan_version(runtime, adapter, version, check)
    except BaseException as error:
        refusal = Refuse(refusal_of(error))
        return AdapterPlan(adapter, refusal, request, is_trial=True, run_kind=kind)
    return replace(planned, request=request)


def plan_reevaluation(
    runtime: Runtime, adapter: Adapter, *, check: Callable[[], None]
) -> AdapterPlan:
    """Plan the evaluation of what is live against the version that was live before it."""
    name, kind = adapter.adapter_name, RunKind.REEVALUATE
    try:
        with runtime.database.read() as session:
            version = _require_version(session, name, None)
            earlier = aliases.find_earlier_version(session, name)
        planned, plan = _plan_version(runtime, adapter, version, check)
    except BaseException as error:
        return AdapterPlan(adapter, Refuse(refusal_of(error)), is_trial=True, run_kind=kind)
    reason = f"v{version.version_number} is live, and reevaluate_every {adapter.reevaluate_every}"
    plan = replace(plan, reason=f"{reason} is due", earlier_version=earlier)
    return replace(planned, plan=plan, run_kind=kind)


def _plan_version(
    runtime: Runtime, adapter: Adapter, version: AdapterVersion, check: Callable[[], None]
) -> tuple[AdapterPlan, Evaluate]:
    """Plan the evaluation of a version by today's prompts, scorers and gate.

    Raises:
        ConfigError, DataError, BackendError: as `find_wanted` raises them.
    """
    asked = as_trained(runtime, adapter, version.run_id, version.base_model_revision)
    wanted = find_wanted(runtime, asked, check, scan=_scan_of(version))
    wanted = replace(wanted, training_key=version.training_key)
    plan = Evaluate(f"v{version.version_number} is evaluated", wanted, version)
    return AdapterPlan(asked, plan, is_trial=True, run_kind=RunKind.EVALUATE), plan


def _find_version(runtime: Runtime, adapter: Adapter, request: RunRequest) -> AdapterVersion:
    """Return the version that is asked for, or else the one that is live.

    Raises:
        DataError: there is none, or the row asks for a training too.
    """
    name = adapter.adapter_name
    given = [column for column in _OF_TRAININGS if getattr(request, column) is not None]
    if given:
        raise request_error(
            given[0],
            f"runs.{given[0]} says how to train, and run_kind 'evaluate' trains nothing: leave it "
            "out",
        )
    with runtime.database.read() as session:
        return _require_version(session, name, request.version_number)


def _require_version(session: Session, name: str, number: int | None) -> AdapterVersion:
    """Return a version of an adapter; `number` None: the one that is live.

    Raises:
        DataError: there is no such version.
    """
    if number is None:
        found = find_live(session, name)
        fault = (
            f"no version of {name!r} is live: write the version_number that is to be evaluated "
            "(report_adapter_versions lists them)"
        )
    else:
        # SQLite stores what it is given, a text in a column of numbers too.
        found = versions.get_version(session, name, number) if isinstance(number, int) else None
        fault = f"{name!r} has no version {number!r} (report_adapter_versions lists them)"
    if found is None:
        raise request_error("version_number", fault, "unknown_version")
    return found


def _scan_of(version: AdapterVersion) -> SampleScan:
    """Return what the version was trained on, so that no sample is selected."""
    text = version.fingerprint
    return SampleScan(Fingerprint(text, int(text.split("-")[0])), 0)
