"""The command `sqltune`: parse, call, print. No SQL and no HTTP here.

Data goes to stdout, messages to stderr. A failure is one clear line and an exit code: 0 done or
nothing to do, 1 an adapter's last run failed, 2 usage or configuration, 3 a gate rejected a version
in this sync.
"""

from __future__ import annotations

import gc
import os
import sys
from io import TextIOWrapper
from typing import Annotated

import typer

from sqltune.cli import (
    ask_command,
    data_commands,
    gc_commands,
    lineage_commands,
    report_command,
    run_commands,
    serve_commands,
    setup_commands,
    show_commands,
    validate_command,
    worker_commands,
)
from sqltune.cli.examples import add_examples
from sqltune.cli.output import TerminalText, say
from sqltune.errors import ConfigError, DataError, PipelineError, SchemaOutOfDate

app = typer.Typer(
    name="sqltune",
    help="Fine-tuning that lives in your SQL database.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
#: New objects after which Python collects garbage.
_GARBAGE_THRESHOLD = 50_000
#: The rights that group and others do not get.
_OTHERS = 0o077

for commands in (
    run_commands,
    worker_commands,
    show_commands,
    report_command,
    data_commands,
    validate_command,
    setup_commands,
    serve_commands,
    gc_commands,
    lineage_commands,
    ask_command,
):
    commands.add_to(app)


def _show_version(wanted: bool) -> None:
    if wanted:
        from sqltune.settings import VERSION

        typer.echo(f"sqltune {VERSION}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
    ),
) -> None:
    """Fine-tuning that lives in your SQL database."""


@app.command("help")
def show_help(
    command: Annotated[
        str | None, typer.Argument(help="A command; all of them when none is named.")
    ] = None,
) -> None:
    """Show what a command does, and its options."""
    app([*([command] if command else []), "--help"], prog_name="sqltune")


add_examples(app)


def main() -> None:
    """Run the command line and end the process with its exit code."""
    # Imports leave almost no garbage: collecting every 700 objects takes a fifth of a short run.
    gc.set_threshold(_GARBAGE_THRESHOLD)
    # Rows, weights and caches hold the texts of people: for this user alone, unless a file or
    # folder exists, whose mode stays.
    os.umask(os.umask(_OTHERS) | _OTHERS)
    _open_closed_streams()
    _filter_streams()
    try:
        app(prog_name="sqltune")
    except PipelineError as error:
        for line in (f"sqltune: {error}", *getattr(error, "__notes__", ())):
            say(line)
        sys.exit(2 if isinstance(error, ConfigError | DataError | SchemaOutOfDate) else 1)
    except BrokenPipeError:
        # The reader of our output has closed the pipe, as `head` does.
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        # A folder that is missing, full or not accessible; the error names it.
        say(f"sqltune: {error}")
        sys.exit(1)


def _open_closed_streams() -> None:
    """Lead a stream that the caller closed to nowhere; a file of ours would take its number."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    # Python has None for a closed one.
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115


def _filter_streams() -> None:
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout = TerminalText(sys.stdout, sys.argv[1:])
    if isinstance(sys.stderr, TextIOWrapper):
        sys.stderr = TerminalText(sys.stderr, sys.argv[1:])
