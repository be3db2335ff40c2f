"""Commands that plan, run and control runs: sync, plan, cancel, pause, resume, retry."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sqltune.cli.options import NO_ADAPTER, AdapterNames, AsCsv, AsJson, read_settings
from sqltune.cli.output import say, write_line
from sqltune.cli.recipes import describe_gate, describe_input, describe_recipe
from sqltune.cli.report_command import say_report, write_report
from sqltune.cli.reporters import make_reporter
from sqltune.cli.row_words import describe_requests, describe_rows
from sqltune.cli.stopping import StopRequest, stop_on_signals
from sqltune.cli.tables import OutputForm, choose_form, write_data
from sqltune.errors import ConfigError, RunInterrupted

if TYPE_CHECKING:
    from sqltune.operations.forecast import Forecast
    from sqltune.records import DesiredState
    from sqltune.runtime import Runtime
    from sqltune.syncing.outcomes import Outcome


def add_to(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(sync)
    app.command()(plan)
    app.command()(cancel)
    app.command()(pause)
    app.command()(resume)
    app.command()(retry)
    app.command()(promote)
    app.command()(rollback)


def sync(
    adapters: AdapterNames = None,
    force: Annotated[bool, typer.Option(help="Train even if nothing changed.")] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show what would be done; write nothing, call no backend."),
    ] = False,
    report: Annotated[
        bool, typer.Option("--report", help="Write a report afterwards, as `sqltune report` does.")
    ] = False,
    report_to: Annotated[
        Path | None,
        typer.Option(help="Write one to this place, as `sqltune report -o` does."),
    ] = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Bring adapters up to date: train what changed, evaluate it, and let the gate decide.

    Then answer the rows of `questions` that wait, with what is live now.

    Exit code: 0 done or nothing to do, 1 an adapter's last run failed, 2 usage, 3 a gate rejected
    a version in this sync.
    """
    form = choose_form(as_json=as_json, as_csv=as_csv)
    wants_report = report or report_to is not None
    if dry_run:
        if wants_report:
            raise ConfigError("--dry-run writes nothing: leave out --report")
        _show_plan(adapters or [], form, force=force, count_tokens=False)
        return
    from sqltune.cli.outcome_words import describe_outcomes
    from sqltune.syncing.outcomes import exit_code
    from sqltune.syncing.sync import sync as sync_adapters

    began = time.monotonic()
    with stoppable() as stop, _open(quiet=form is not OutputForm.TEXT) as runtime:
        if wants_report:
            # A place that cannot be written is better known before the training than after it.
            write_report(runtime.database, adapters or [], report_to)
        outcomes = sync_adapters(runtime, adapters or [], force=force, stop=stop.event)
        if form is not OutputForm.TEXT:
            write_data([_plain(outcome) for outcome in outcomes], form)
        else:
            for line in describe_outcomes(outcomes, time.monotonic() - began):
                say(line)
        if wants_report:
            say_report(runtime.database, adapters or [], report_to)
    raise typer.Exit(exit_code(outcomes))


def plan(
    adapters: AdapterNames = None,
    force: Annotated[bool, typer.Option(help="Plan as `sync --force` would.")] = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Show what `sync` would do and why, with row and token counts. Writes nothing.

    Exit code: 0, or 2 where a sync would fail: a query or a row of `adapters` is refused, or rows
    are bad.
    """
    form = choose_form(as_json=as_json, as_csv=as_csv)
    _show_plan(adapters or [], form, force=force, count_tokens=True)


def cancel(
    run: Annotated[int, typer.Argument(help="The run_id, as `status` and report_runs show it.")],
) -> None:
    """Cancel a run. Its runner ends it within seconds; a run without a runner ends at once."""
    from sqltune.operations import control

    with _open(quiet=True) as runtime:
        say(control.cancel(runtime, run))


def pause(
    run: Annotated[int, typer.Argument(help="The run_id, as `status` and report_runs show it.")],
) -> None:
    """Pause a run. What it has done is kept, and its adapter waits until the run is resumed."""
    from sqltune.records import DesiredState

    _set_desired_state(run, DesiredState.PAUSED)


def resume(
    run: Annotated[int, typer.Argument(help="The run_id, as `status` and report_runs show it.")],
) -> None:
    """Resume a paused run with the next sync or worker."""
    from sqltune.records import DesiredState

    _set_desired_state(run, DesiredState.RUNNING)


def retry(
    run: Annotated[int, typer.Argument(help="The run_id of an ended run.")],
    failed: Annotated[
        bool,
        typer.Option("--failed", help="Ask only the prompts whose response or score is an error."),
    ] = False,
) -> None:
    """Ask the failed prompts of an ended run again, score them, and decide again."""
    if not failed:
        raise ConfigError(
            "retry repeats failed prompts only: add --failed (sync --force trains again)"
        )
    from sqltune.operations import control
    from sqltune.syncing.outcomes import exit_code

    with stoppable() as stop, _open(quiet=False) as runtime:
        outcome = control.retry_failed(runtime, run, stop=stop.event)
    say(str(outcome))
    raise typer.Exit(exit_code([outcome]))


def promote(
    adapter: Annotated[str, typer.Argument(help="The adapter_name.")],
    version: Annotated[int, typer.Argument(help="The version_number that goes live.")],
    reason: Annotated[str | None, typer.Option(help="Why; kept in alias_history.")] = None,
) -> None:
    """Make a version live, also one that the gate rejected or a trial."""
    from sqltune.operations import promoting

    with _open(quiet=True) as runtime:
        say(promoting.promote(runtime, adapter, version, reason))


def rollback(
    adapter: Annotated[str, typer.Argument(help="The adapter_name.")],
    reason: Annotated[str | None, typer.Option(help="Why; kept in alias_history.")] = None,
) -> None:
    """Make the version live again that was live before the last move."""
    from sqltune.operations import promoting

    with _open(quiet=True) as runtime:
        say(promoting.roll_back(runtime, adapter, reason))


@contextmanager
def _open(*, quiet: bool) -> Iterator[Runtime]:
    from sqltune.runtime import SilentReporter
    from sqltune.wiring import open_migrated_runtime

    reporter = SilentReporter() if quiet else make_reporter(time.monotonic)
    with open_migrated_runtime(read_settings(), reporter) as runtime:
        yield runtime


@contextmanager
def stoppable() -> Iterator[StopRequest]:
    """Exit with 128 + the signal's number if a signal interrupts the block, as shells report it."""
    with stop_on_signals() as request:
        try:
            yield request
        except RunInterrupted as error:
            say(f"sqltune: {error}")
            raise typer.Exit(128 + (request.signal_number or 0)) from None


def _set_desired_state(run: int, desired: DesiredState) -> None:
    from sqltune.operations import control

    with _open(quiet=True) as runtime:
        say(control.set_desired_state(runtime, run, desired))


def _show_plan(names: list[str], form: OutputForm, *, force: bool, count_tokens: bool) -> None:
    from sqltune.operations.forecast import forecast

    with _open(quiet=True) as runtime:
        forecasts = forecast(runtime, names, force=force, count_tokens=count_tokens)
    if form is OutputForm.TEXT:
        for each in forecasts:
            write_line(f"{each.adapter_name}: {each.decision.replace('_', ' ')}, {each.reason}")
            parts = (describe_requests, describe_recipe, describe_gate, describe_rows)
            for line in chain(describe_input(each), *(part(each) for part in parts)):
                write_line(line)
        if not forecasts:
            say(NO_ADAPTER)
    else:
        write_data([asdict(each) for each in forecasts], form)
    raise typer.Exit(2 if any(map(_would_fail, forecasts)) else 0)


def _would_fail(forecast: Forecast) -> bool:
    return forecast.fault is not None or any(
        each.refusal is not None and not each.is_alias_change for each in forecast.requests
    )


def _plain(outcome: Outcome) -> dict[str, Any]:
    return {
        "adapter_name": outcome.adapter_name,
        "decision": outcome.decision.value,
        "reason": outcome.reason,
        "run_id": outcome.run_id,
        "state": outcome.state.value if outcome.state else None,
        "error_message": outcome.error_message,
    }
