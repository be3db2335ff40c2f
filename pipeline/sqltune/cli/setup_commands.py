"""Commands to get started: init, check, demo."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from sqltune.cli.options import AsCsv, AsJson, read_settings
from sqltune.cli.output import say
from sqltune.cli.report_command import say_report
from sqltune.cli.reporters import make_reporter
from sqltune.cli.run_commands import stoppable
from sqltune.cli.tables import choose_form, write_rows


def add_to(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(init)
    app.command()(check)
    app.command()(demo)


def init(
    print_only: Annotated[
        bool, typer.Option("--print", help="Write the pending SQL to stdout instead of running it.")
    ] = False,
) -> None:
    """Create the tables and views, or bring them up to date. Safe to repeat."""
    from sqltune.database import migrations
    from sqltune.database.clocks import utc_now
    from sqltune.wiring import open_database

    database = open_database(read_settings())
    try:
        if print_only:
            typer.echo(migrations.print_pending(database, now=utc_now()), nl=False)
            return
        applied = migrations.apply(database, now=utc_now)
    finally:
        database.close()
    for name in applied:
        say(f"applied {name}")
    say(f"{database.address} is up to date")


def check(as_json: AsJson = False, as_csv: AsCsv = False) -> None:
    """Check settings, database, tables and adapters. Exits with 2 if something must be repaired."""
    form = choose_form(as_json=as_json, as_csv=as_csv)
    from sqltune.operations.check import CheckStatus, examine
    from sqltune.runtime import SilentReporter
    from sqltune.wiring import open_runtime

    with open_runtime(read_settings(), SilentReporter()) as runtime:
        findings = examine(runtime, now_seconds=time.time)
    rows = [{"check": f.check, "status": f.status.value, "detail": f.detail} for f in findings]
    write_rows(rows, form, empty="nothing to check")
    raise typer.Exit(2 if any(f.status is CheckStatus.FAILED for f in findings) else 0)


def demo() -> None:
    """Teach the base model who a person is, with samples in SQL, and show before and after."""
    from sqltune.cli.comparisons import write_answers
    from sqltune.operations.demo import ADAPTER_NAME, run_demo
    from sqltune.wiring import open_runtime

    settings = read_settings()
    with stoppable() as stop, open_runtime(settings, make_reporter(time.monotonic)) as runtime:
        result = run_demo(runtime, stop=stop.event, show=typer.echo)
        write_answers(result.rows)
        say(result.closing)
        say_report(runtime.database, [ADAPTER_NAME])
    raise typer.Exit(result.exit_code)
