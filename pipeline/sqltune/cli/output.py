"""Output of the commands: data on stdout as a table or JSON, messages on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

#: Characters of a response in a table cell; `--json` prints all of it.
_LONGEST_CELL = 400


def say(message: str) -> None:
    """Write a message to stderr; one that is closed or full does not decide what is done."""
    with suppress(OSError):
        typer.echo(message, err=True)


def write_json(value: object) -> None:
    """Write one JSON document to stdout, with characters unescaped."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=_plain))


def json_line(value: object) -> bytes:
    """Return one JSON document as one line of UTF-8, whatever the locale."""
    return json.dumps(value, ensure_ascii=False, default=_plain).encode("utf-8") + b"\n"


def write_rows(rows: Sequence[Mapping[str, Any]], *, as_json: bool, empty: str) -> None:
    """Write rows as a table or a JSON list of objects; `empty` is the message if there are none."""
    if as_json:
        write_json(rows)
    elif not rows:
        say(empty)
    else:
        write_table(rows, list(rows[0]))


def write_table(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Write rows as a table to stdout: as wide as the terminal, or 120 characters into a pipe."""
    from rich.console import Console
    from rich.table import Table

    table = Table(show_lines=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*[_cell(row[column]) for column in columns])
    print_table(Console(file=sys.stdout, width=_width(), highlight=False), table)


def print_table(console: Any, table: Table) -> None:
    """Print one finished table."""
    console.print(table)


def _width() -> int | None:
    return None if sys.stdout.isatty() else 120


def _cell(value: object) -> Any:
    from rich.text import Text

    if value is None:
        return Text("")
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    if len(text) > _LONGEST_CELL:
        text = f"{text[:_LONGEST_CELL]}… ({len(text):,} characters)"
    # Text, not markup: a response may contain square brackets, and control characters would
    # control the terminal.
    return Text("".join(c if c == "\n" or c.isprintable() else "\ufffd" for c in text))


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    raise TypeError(f"cannot write {type(value).__name__} as JSON")
