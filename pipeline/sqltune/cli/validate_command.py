"""The command `validate`: what is wrong with the rows of adapters, before a run."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from sqltune.cli.options import NO_ADAPTER, AdapterNames, AsCsv, AsJson, read_settings
from sqltune.cli.output import say, write_json, write_line
from sqltune.cli.reporters import make_reporter
from sqltune.cli.row_words import name_warnings, summarise_rows
from sqltune.cli.run_commands import stoppable
from sqltune.cli.tables import OutputForm, choose_form, write_data, write_table

if TYPE_CHECKING:
    from sqltune.operations.row_checks import RowCheck
    from sqltune.records import Issue

#: Findings of a rule that are printed; all stored ones are in report_data_issues.
_SHOWN_PER_RULE = 5
_COLUMNS = ("selection", "severity", "rule", "row_key", "column_name", "message")


def add_to(app: typer.Typer) -> None:
    """Add this module's command."""
    app.command()(validate)


def validate(adapters: AdapterNames = None, as_json: AsJson = False, as_csv: AsCsv = False) -> None:
    """Check the rows that adapters select, as a run would, without a run.

    What is found is stored in report_data_issues, in place of what was found before. Exit code: 0,
    or 2 where a run would fail.
    """
    form = choose_form(as_json=as_json, as_csv=as_csv)
    from sqltune.operations import row_checks
    from sqltune.wiring import open_migrated_runtime

    with (
        stoppable() as stop,
        open_migrated_runtime(read_settings(), make_reporter(time.monotonic)) as runtime,
    ):
        found = row_checks.check_rows(runtime, adapters or [], stop=stop.event)
    if form is OutputForm.JSON:
        write_json([_plain(each) for each in found])
    elif form is OutputForm.CSV:
        rows = [
            {"adapter_name": each.adapter_name} | asdict(issue)
            for each in found
            for issue in each.issues
        ]
        write_data(rows, form)
    else:
        for each in found:
            _write(each)
        if not found:
            say(NO_ADAPTER)
    raise typer.Exit(2 if any(each.fault is not None for each in found) else 0)


def _write(found: RowCheck) -> None:
    name = found.adapter_name
    for noun, rows in (("samples", found.samples), ("prompts", found.prompts)):
        if rows is not None:
            write_line(f"{name}: {noun}: {summarise_rows(rows)}{name_warnings(rows)}")
    shown = list(_choose_shown(found.issues))
    if shown:
        write_table([asdict(issue) for issue in shown], _COLUMNS)
    if len(found.issues) > len(shown):
        write_line(f"{name}: {len(found.issues) - len(shown):,} more are in report_data_issues")
    if found.fault is not None:
        write_line(f"{name}: a run would fail: {found.fault}")


def _choose_shown(issues: Iterable[Issue]) -> Iterator[Issue]:
    counts: Counter[tuple[str, str]] = Counter()
    for issue in issues:
        counts[issue.selection, issue.rule] += 1
        if counts[issue.selection, issue.rule] <= _SHOWN_PER_RULE:
            yield issue


def _plain(found: RowCheck) -> dict[str, Any]:
    return {
        "adapter_name": found.adapter_name,
        "samples": asdict(found.samples) if found.samples else None,
        "prompts": asdict(found.prompts) if found.prompts else None,
        "fault": str(found.fault) if found.fault else None,
        "issues": [asdict(issue) for issue in found.issues],
    }
