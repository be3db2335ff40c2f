"""Rows for people to read: what `status`, `show` and `compare` print."""

from __future__ import annotations

from typing import Any

from sqltune.database.connection import Session
from sqltune.records import RunState

#: Findings that `show` prints; all stored ones stand in data_issues.
_ISSUES_SHOWN = 20


def list_status(session: Session) -> list[dict[str, Any]]:
    """Give one row per declared adapter: its last decision, its last run, who works on it."""
    return [
        {**row, **_last_run(session, row["adapter_name"])}
        for row in _plain(session.fetch_all("list_status"))
    ]


def get_run_report(session: Session, run_id: int) -> dict[str, Any] | None:
    """Give one run with its events, findings and gate decision; None when there is no such run."""
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
    """Give the adapter's latest version that was evaluated to the end; None when there is none."""
    row = session.fetch_one("find_compared_version", adapter_name=adapter_name)
    return int(row.version_number) if row is not None and row.version_number is not None else None


def list_before_after(
    session: Session, adapter_name: str, version_number: int
) -> list[dict[str, Any]]:
    """Give the answers before and after of one version, the greatest change first."""
    return _plain(
        session.fetch_all(
            "list_before_after", adapter_name=adapter_name, version_number=version_number
        )
    )


def _last_run(session: Session, adapter_name: str) -> dict[str, Any]:
    row = session.fetch_one("find_last_run", adapter_name=adapter_name)
    told = {} if row is None else dict(row._mapping)
    state = told.pop("state", None)
    names = ("run_id", "state_changed_at", "last_alive_at", "is_stuck", "stuck_reason", "next_step")
    return {
        **{name: told.get(name) for name in (*names, "error_message")},
        "run_state": state,
        "is_open": state is not None and not RunState(state).is_ended,
    }


def _plain(rows: list[Any]) -> list[dict[str, Any]]:
    return [dict(row._mapping) for row in rows]
