"""Commands that show what is in the rows: status, show, compare."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Any

import typer

from sqltune.cli.options import AsJson, read_settings
from sqltune.cli.output import say, write_json, write_rows, write_table
from sqltune.errors import ConfigError

_STATUS_COLUMNS = (
    "adapter_name", "live", "state", "reason", "since", "last_run", "runner",
)  # fmt: skip


def add_to(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(status)
    app.command()(show)
    app.command()(compare)


def status(as_json: AsJson = False) -> None:
    """Show what each adapter is now and why, its last run, its runner, and what comes next.

    Also marks stuck runs in their rows, so that they show even if no runner is alive.
    """
    from sqltune.database.tables import reports
    from sqltune.syncing.reconcile import reconcile_if_writable
    from sqltune.wiring import open_migrated_database

    settings = read_settings()
    with open_migrated_database(settings) as database:
        reconcile_if_writable(database, settings)
        with database.read() as session:
            rows = reports.list_status(session)
    if as_json or not rows:
        write_rows(rows, as_json=as_json, empty="no adapter is declared")
    else:
        write_table([_status_row(row) for row in rows], _STATUS_COLUMNS)


def show(
    run: Annotated[int, typer.Argument(help="The run_id, as `status` and report_runs show it.")],
    as_json: AsJson = False,
) -> None:
    """Show one run: its row, its events, the findings in its data, and the gate's verdict."""
    from sqltune.database.tables import reports

    with _session() as session:
        report = reports.get_run_report(session, run)
    if report is None:
        raise ConfigError(f"there is no run {run} in table runs")
    if as_json:
        write_json(report)
        return
    _write_report(report)


def compare(
    adapter: Annotated[str, typer.Argument(help="An adapter's name.")],
    version: Annotated[
        int | None, typer.Option(help="A version number; the latest evaluated one when not given.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the responses before and after, regressions and large changes first, and a summary."""
    from sqltune.cli.comparisons import write_comparison
    from sqltune.database.tables import reports
    from sqltune.operations.comparing import read_comparison
    from sqltune.syncing.due import require_declared

    with _session() as session:
        found = read_comparison(session, adapter, version)
        declared = [row["adapter_name"] for row in reports.list_status(session)]
    if not found.prompts:
        require_declared([adapter], declared)
    if as_json:
        write_json(asdict(found))
    elif not found.prompts:
        say(f"{adapter!r} has no evaluated version{'' if version is None else f' {version}'}")
    else:
        write_comparison(found)


@contextmanager
def _session() -> Iterator[Any]:
    from sqltune.wiring import open_migrated_database

    with open_migrated_database(read_settings()) as database, database.read() as session:
        yield session


def _status_row(row: dict[str, Any]) -> dict[str, Any]:
    name = row["adapter_name"] if row["is_enabled"] else f"{row['adapter_name']} (disabled)"
    owner = f"{row['lease_owner']} since {row['claimed_at']}" if row["lease_owner"] else ""
    return {
        "adapter_name": name,
        "live": f"v{row['live_version']}" if row["live_version"] else "",
        "state": row["state"].replace("_", " "),
        "reason": row["state_reason"],
        "since": str(row["state_since"] or "")[:19],
        "last_run": _last_run(row),
        "runner": owner,
    }


def _last_run(row: dict[str, Any]) -> str:
    if row["run_id"] is None:
        return ""
    text = f"{row['run_id']} {row['run_state']}"
    if row["is_open"]:
        text += f" since {str(row['state_changed_at'])[:19]}"
        text += f", alive {str(row['last_alive_at'])[:19]}" if row["last_alive_at"] else ""
    return f"{text}; stuck" if row["stuck_reason"] else text


def _write_report(report: dict[str, Any]) -> None:
    parts = ("events", "issue_counts", "issues", "gate")
    row = {name: value for name, value in report.items() if name not in parts and value is not None}
    write_table([{"column": k, "value": v} for k, v in row.items()], ("column", "value"))
    for name in ("events", "issue_counts", "issues"):
        if report[name]:
            write_table(report[name], list(report[name][0]))
    if report["gate"]:
        gate = [{"gate": k, "value": v} for k, v in report["gate"].items() if v is not None]
        write_table(gate, ("gate", "value"))
