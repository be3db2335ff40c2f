"""Command `report`: what changed and whether it is better, as a page to look at and to send."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sqltune.cli.options import read_settings
from sqltune.cli.output import say, write_line

if TYPE_CHECKING:
    from sqltune.database.connection import Database


def add_to(app: typer.Typer) -> None:
    """Add this module's command."""
    app.command()(report)


def report(
    adapters: Annotated[
        list[str] | None,
        typer.Argument(help="Adapters by name; all when none is named.", show_default=False),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="The file of one named adapter (default: sqltune-report.html), else the folder of "
            "several (default: sqltune-report).",
        ),
    ] = None,
) -> None:
    """Write what changed, the verdict, scores and answers before and after as a page of HTML.

    One named adapter is one file; otherwise a folder gets a page per adapter and index.html. A page
    needs nothing besides itself, and prints its address as a file:// link.
    """
    from sqltune.wiring import open_migrated_database

    with open_migrated_database(read_settings()) as database:
        page = write_report(database, adapters or [], output)
    write_line(page.as_uri())


def say_report(database: Database, adapters: Sequence[str], place: Path | None = None) -> None:
    """Write a report after what was done, and say where it is."""
    say(f"report: {write_report(database, adapters, place).as_uri()}")


def write_report(database: Database, adapters: Sequence[str], place: Path | None = None) -> Path:
    """Write a report, and return the page to open first."""
    from sqltune.database.clocks import utc_now
    from sqltune.operations.reporting import write_reports

    return write_reports(database, adapters, place, now=utc_now)
