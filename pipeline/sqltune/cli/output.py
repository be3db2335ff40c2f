"""Output of the commands: data on stdout as a table or JSON, messages on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any, TextIO

import typer

from sqltune.visible import visible, visible_json

if TYPE_CHECKING:
    from rich.table import Table

#: Characters of a response in a table cell; `--json` prints all of it.
_LONGEST_CELL = 400


class TerminalText(TextIOWrapper):
    """A stream for a terminal or a pipe: no control character passes, of ours or of a library.

    Messages of ours are escaped where they are made, where an end of line is known from a line
    feed in somebody's text; this is for what libraries write, and Python itself.
    """

    def __init__(self, stream: TextIOWrapper, arguments: Sequence[str]) -> None:
        """Write to the buffer of a stream, and show these arguments of the command escaped."""
        # Any text whatever the locale: UTF-8 into pipes and files, escapes on a terminal that
        # cannot show a character.
        encoding = stream.encoding if stream.isatty() else "utf-8"
        stream.reconfigure(encoding=encoding, errors="backslashreplace")
        super().__init__(
            stream.buffer,
            encoding=encoding,
            errors="backslashreplace",
            line_buffering=stream.line_buffering,
            write_through=stream.write_through,
        )
        self.unfiltered = stream
        texts = {part for text in arguments for part in (text, *text.split("=", 1))}
        self._arguments = {text: visible(text) for text in texts if text != visible(text)}

    def write(self, text: str, /) -> int:
        """Write the text, escaped."""
        for argument, shown in self._arguments.items():
            text = text.replace(argument, shown)
        super().write(visible(text, keep="\n\t\r"))
        return len(text)


def drawing_stream(stream: TextIO) -> TextIO:
    """Return the stream for what draws with escape sequences: tables in colour, and bars."""
    return stream.unfiltered if isinstance(stream, TerminalText) else stream


def say(message: str) -> None:
    """Write a message to stderr; one that is closed or full does not decide what is done."""
    with suppress(OSError):
        typer.echo(visible(message), err=True)


def write_line(text: str) -> None:
    """Write a line of data to stdout."""
    typer.echo(visible(text))


def write_text(text: str) -> None:
    """Write a text of somebody to stdout, its lines kept."""
    typer.echo(visible(text, keep="\n\t"))


def write_json(value: object) -> None:
    """Write one JSON document to stdout; letters stay, what a terminal does not show is escaped."""
    typer.echo(visible_json(json.dumps(value, ensure_ascii=False, indent=2, default=_plain)))


def json_line(value: object) -> bytes:
    """Return one JSON document as one line of UTF-8, whatever the locale."""
    line = visible_json(json.dumps(value, ensure_ascii=False, default=_plain))
    return line.encode("utf-8") + b"\n"


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
    sys.stdout.flush()
    console = Console(file=drawing_stream(sys.stdout), width=output_width(), highlight=False)
    print_table(console, table)
    drawing_stream(sys.stdout).flush()


def print_table(console: Any, table: Table) -> None:
    """Print one finished table."""
    console.print(table)


def output_width() -> int | None:
    """Return the characters of a line into a pipe; None: as wide as the terminal."""
    return None if sys.stdout.isatty() else 120


def _cell(value: object) -> Any:
    from rich.text import Text

    if value is None:
        return Text("")
    # Text, not markup: a response may contain square brackets.
    return Text(shown_text(f"{value:.4g}" if isinstance(value, float) else str(value)))


def shown_text(text: str) -> str:
    """Return somebody's text as a table shows it: escaped, and cut where it is very long."""
    if len(text) > _LONGEST_CELL:
        text = f"{text[:_LONGEST_CELL]}… ({len(text):,} characters)"
    return visible(text, keep="\n")


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
