"""Commands that show what is in the rows: status, show, logs, compare."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Any

import typer

from sqltune.cli.options import AdapterNames, AsCsv, AsJson, read_settings
from sqltune.cli.output import say, write_json, write_line
from sqltune.cli.tables import OutputForm, choose_form, write_data, write_rows, write_table
from sqltune.errors import ConfigError
from sqltune.suggestions import no_adapter

_PARTS = ("events", "issue_counts", "issues", "gate")


def add_to(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(status)
    app.command()(show)
    app.command()(logs)
    app.command()(compare)


def status(adapters: AdapterNames = None, as_json: AsJson = False, as_csv: AsCsv = False) -> None:
    """Show what each adapter is now and why, its last run, its runner, and what comes next.

    Also marks stuck runs in their rows, so that they show even if no runner is alive.
    """
    form = choose_form(as_json=as_json, as_csv=as_csv)
    from sqltune.cli.status import write_status
    from sqltune.database.clocks import utc_now
    from sqltune.database.tables import reports
    from sqltune.syncing.reconcile import reconcile_if_writable
    from sqltune.wiring import open_migrated_database

    settings = read_settings()
    with open_migrated_database(settings) as database:
        reconcile_if_writable(database, settings)
        with database.read() as session:
            rows = reports.list_status(session)
    rows = _choose(rows, adapters or [])
    if form is OutputForm.TEXT and rows:
        write_status(rows, now=utc_now())
    else:
        write_rows(rows, form, empty="no adapter is declared")


def _choose(rows: list[dict[str, Any]], names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rows of the named adapters; of all when none is named."""
    known = {row["adapter_name"] for row in rows}
    for name in names:
        if name not in known:
            raise ConfigError(no_adapter(name, known))
    return [row for row in rows if not names or row["adapter_name"] in names]


def show(
    run: Annotated[int, typer.Argument(help="The run_id, as `status` and report_runs show it.")],
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Show one run: its row, its events, the findings in its data, and the gate's verdict."""
    form = choose_form(as_json=as_json, as_csv=as_csv)
    report = _read_run(run)
    if form is OutputForm.JSON:
        write_json(report)
    elif form is OutputForm.CSV:
        write_data([{name: report[name] for name in report if name not in _PARTS}], form)
    else:
        _write_report(report)


def logs(
    run: Annotated[int, typer.Argument(help="The run_id, as `status` and report_runs show it.")],
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Show what happened in a run and when, one line an event; times are UTC."""
    form = choose_form(as_json=as_json, as_csv=as_csv)
    events = _read_run(run)["events"]
    if form is not OutputForm.TEXT:
        write_data(events, form)
        return
    _write_events(events)


def compare(
    adapter: Annotated[str, typer.Argument(help="An adapter's name.")],
    version: Annotated[
        int | None, typer.Option(help="A version number; the latest evaluated one when not given.")
    ] = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Show the responses before and after, regressions and large changes first, and a summary."""
    form = choose_form(as_json=as_json, as_csv=as_csv)
    from sqltune.cli.comparisons import write_comparison
    from sqltune.database.tables import reports, versions
    from sqltune.operations.comparing import read_comparison

    with _session() as session:
        found = read_comparison(session, adapter, version)
        declared = [row["adapter_name"] for row in reports.list_status(session)]
        exists = version is None or versions.get_version(session, adapter, version) is not None
    if not found.prompts and adapter not in declared:
        raise ConfigError(no_adapter(adapter, declared))
    if not found.prompts and not exists:
        raise ConfigError(
            f"{adapter!r} has no version {version}: report_adapter_versions lists all"
        )
    if form is OutputForm.JSON:
        write_json(asdict(found))
    elif form is OutputForm.CSV:
        write_data(found.prompts, form)
    elif not found.prompts:
        say(f"{adapter!r} has no evaluated version{'' if version is None else f' {version}'}")
    else:
        write_comparison(found)


@contextmanager
def _session() -> Iterator[Any]:
    from sqltune.wiring import open_migrated_database

    with open_migrated_database(read_settings()) as database, database.read() as session:
        yield session


def _read_run(run: int) -> dict[str, Any]:
    from sqltune.database.tables import reports

    with _session() as session:
        report = reports.get_run_report(session, run)
    if report is None:
        raise ConfigError(f"there is no run {run} in table runs")
    return report


def _write_events(events: Sequence[dict[str, Any]]) -> None:
    for event in events:
        moment = str(event["logged_at"])[:19]
        write_line(f"{moment}  {event['event'].replace('_', ' ')}: {event['message']}")


def _write_report(report: dict[str, Any]) -> None:
    row = {n: value for n, value in report.items() if n not in _PARTS and value is not None}
    write_table([{"column": k, "value": v} for k, v in row.items()], ("column", "value"))
    _write_events(report["events"])
    for name in ("issue_counts", "issues"):
        if report[name]:
            write_table(report[name], list(report[name][0]))
    if report["gate"]:
        gate = [{"gate": k, "value": v} for k, v in report["gate"].items() if v is not None]
        write_table(gate, ("gate", "value"))
