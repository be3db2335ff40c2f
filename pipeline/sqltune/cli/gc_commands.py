"""The command that removes orphans: gc."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sqltune.cli.options import AsCsv, AsJson, read_settings
from sqltune.cli.output import say
from sqltune.cli.tables import OutputForm, choose_form, write_data, write_table

if TYPE_CHECKING:
    from sqltune.operations.gc import OrphanReport


def add_to(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(gc)


def gc(
    remove: Annotated[
        bool, typer.Option("--remove", help="Remove what is listed; rows of versions are kept.")
    ] = False,
    unknown_runs: Annotated[
        bool,
        typer.Option(
            "--unknown-runs",
            help="With --remove: also files of runs that this database does not know. Use it only "
            "if no other database shares the folder.",
        ),
    ] = False,
    grace_seconds: Annotated[
        float | None,
        typer.Option(
            min=0, help="Keep what is younger; ten leases by default.", show_default=False
        ),
    ] = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List orphans: stored artifacts that no row needs, and versions whose artifact is gone.

    Removes nothing without --remove, which also removes answers and texts that are older than
    SQLTUNE_KEEP_ANSWERS_DAYS and SQLTUNE_KEEP_TEXTS_DAYS.

    Exit code: 0 done or nothing to do, 1 a backend could not be read or something could not be
    removed, 2 usage.
    """
    form = choose_form(as_json=as_json, as_csv=as_csv)
    from sqltune.operations import gc
    from sqltune.runtime import SilentReporter
    from sqltune.wiring import open_migrated_runtime

    with open_migrated_runtime(read_settings(), SilentReporter()) as runtime:
        report = gc.find_orphans(runtime, grace_seconds=grace_seconds)
        if remove:
            gc.remove_orphans(runtime, report, unknown_runs=unknown_runs)
        expired = gc.expire(runtime, removes=remove)
    _show(report, form)
    if expired:
        say(f"older than it is kept: {expired}{': removed' if remove else ' (--remove does)'}")
    for problem in report.problems:
        say(f"sqltune: {problem}")
    raise typer.Exit(1 if report.problems else 0)


def _show(report: OrphanReport, form: OutputForm) -> None:
    rows = [{**asdict(f.orphan), "state": f.state} for f in report.found]
    rows += [{**asdict(orphan), "state": "found"} for orphan in report.missing]
    if form is not OutputForm.TEXT:
        write_data(rows, form)
    elif rows:
        shown = [_short(row) for row in rows]
        write_table(shown, list(shown[0]))
    for note in report.notes:
        say(note)
    if form is OutputForm.TEXT:
        say(_summary(rows))


def _short(row: dict[str, Any]) -> dict[str, Any]:
    version = f" v{row['version_number']}" if row["version_number"] else ""
    return {
        "orphan": f"{row['backend']}: {row['orphan_kind'].replace('_', ' ')}",
        "adapter": f"{row['adapter_name'] or 'unknown'}{version}",
        "address": row["address"],
        "bytes": row["size_bytes"],
        "state": row["state"],
        "reason": row["reason"],
    }


def _summary(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return "no orphan"
    removed = [row for row in rows if row["state"] == "removed"]
    size = sum(row["size_bytes"] or 0 for row in rows)
    found = f"{len(rows):,} orphan{'' if len(rows) == 1 else 's'}, {size:,} bytes"
    if removed:
        return f"{found}: {len(removed):,} removed"
    return f"{found}: nothing was removed (--remove does)"
