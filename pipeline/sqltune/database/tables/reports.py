"""What people read: the rows of `status`, `show` and `compare`, and the columns of the views."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqltune.database.connection import Session
from sqltune.database.scripts import read_views
from sqltune.database.times import parse_time
from sqltune.records import Phase, RunState, SyncDecision

#: Decisions that are no run: they last until the next sync.
_LASTING = frozenset(
    decision.value
    for decision in (SyncDecision.UP_TO_DATE, SyncDecision.WAIT, SyncDecision.BLOCKED)
)
#: Findings that `show` prints; all stored ones are in data_issues.
_ISSUES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class ViewColumns:
    """The columns of one report view, in order."""

    names: tuple[str, ...]  #: all of them
    times: tuple[str, ...]  #: UTC times: DATETIME(6), on SQLite text 'YYYY-MM-DD HH:MM:SS.ffffff'
    dates: tuple[str, ...]  #: UTC dates: DATE, on SQLite text 'YYYY-MM-DD'


def view_columns() -> dict[str, ViewColumns]:
    """Return the columns of every report view by its name; times end in _at, dates in _date."""
    return {
        view.name: ViewColumns(
            names=tuple(view.columns),
            times=tuple(name for name in view.columns if name.endswith("_at")),
            dates=tuple(name for name in view.columns if name.endswith("_date")),
        )
        for view in read_views()
    }


def list_status(session: Session) -> list[dict[str, Any]]:
    """Return one row per declared adapter: its present state, its last run, who works on it."""
    rows = [
        {**row, **_last_run(session, row["adapter_name"])}
        for row in _plain(session.fetch_all("list_status"))
    ]
    return [{**row, **_describe_present(row)} for row in rows]


@dataclass(frozen=True, slots=True)
class AdapterHealth:
    """The figures that monitoring watches of one adapter."""

    adapter_name: str
    live_score: float | None  #: mean primary score of the live version; None: nothing was scored
    success_age_seconds: float | None  #: None: no run has succeeded


def list_adapter_health(session: Session, *, now: datetime) -> list[AdapterHealth]:
    """Return the figures of every declared adapter that is enabled."""
    health = []
    for row in session.fetch_all("list_adapter_health"):
        ended_at = parse_time(row.last_success_at)
        age = max(0.0, (now - ended_at).total_seconds()) if ended_at is not None else None
        health.append(AdapterHealth(row.adapter_name, row.live_score, age))
    return health


def get_run_report(session: Session, run_id: int) -> dict[str, Any] | None:
    """Return one run with its events, findings and gate decision; None if there is no such run."""
    row = session.fetch_one("get_run_report", run_id=run_id)
    if row is None:
        return None
    gate = session.fetch_one("get_gate_report", run_id=run_id)
    return {
        **row._mapping,
        "events": _plain(session.fetch_all("list_events", run_id=run_id)),
        "issue_counts": _plain(session.fetch_all("list_issue_counts", run_id=run_id)),
        "issues": _plain(session.fetch_all("list_issues", run_id=run_id, page_size=_ISSUES_SHOWN)),
        "gate": dict(gate._mapping) if gate is not None else None,
    }


def find_compared_version(session: Session, adapter_name: str) -> int | None:
    """Return the latest evaluated version, trials left out; None if there is none."""
    row = session.fetch_one("find_compared_version", adapter_name=adapter_name)
    return int(row.version_number) if row is not None and row.version_number is not None else None


@dataclass(frozen=True, slots=True)
class ComparedWith:
    """What the version of a run was compared with, and what the gate decided."""

    version_number: int | None  #: None: the base model
    decision: str
    reason: str


def get_comparison(session: Session, run_id: int) -> ComparedWith | None:
    """Return what a run's version was compared with; None if the gate did not decide."""
    row = session.fetch_one("get_comparison", run_id=run_id)
    if row is None:
        return None
    version = row.before_version if row.compared_phase == Phase.BEFORE else None
    return ComparedWith(version, row.decision, row.reason)


def list_before_after(
    session: Session, adapter_name: str, version_number: int
) -> list[dict[str, Any]]:
    """Return the answers before and after of one version, regressions and great changes first."""
    return _plain(
        session.fetch_all(
            "list_before_after", adapter_name=adapter_name, version_number=version_number
        )
    )


def _last_run(session: Session, adapter_name: str) -> dict[str, Any]:
    row = session.fetch_one("find_last_run", adapter_name=adapter_name)
    found = {} if row is None else dict(row._mapping)
    state = found.pop("state", None)
    names = ("run_id", "state_changed_at", "last_alive_at", "is_stuck", "stuck_reason", "next_step")
    return {
        **{name: found.get(name) for name in (*names, "error_message")},
        "run_state": state,
        "is_open": state is not None and not RunState(state).is_ended,
    }


def _describe_present(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an adapter is now, why, and since when: a decision counts until a run ends."""
    decided_at, changed_at = parse_time(row["decided_at"]), parse_time(row["state_changed_at"])
    is_later = decided_at is not None and (changed_at is None or decided_at > changed_at)
    if not row["is_enabled"]:
        present: tuple[Any, ...] = ("disabled", None, None)
    elif row["is_open"]:
        reason = row["stuck_reason"] or row["next_step"]
        present = (row["run_state"], reason, row["state_changed_at"])
    elif is_later and row["decision"] in _LASTING:
        present = (row["decision"], row["decision_reason"], row["decided_at"])
    elif row["run_id"] is not None:
        present = (row["run_state"], row["error_message"], row["state_changed_at"])
    else:
        present = ("not_synced", None, None)
    return dict(zip(("state", "state_reason", "state_since"), present, strict=True))


def _plain(rows: list[Any]) -> list[dict[str, Any]]:
    return [dict(row._mapping) for row in rows]
