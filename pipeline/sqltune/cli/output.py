"""Output of the commands: data on stdout, messages on stderr; see tables.py for rows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal
from io import TextIOWrapper
from typing import TextIO

import typer

from sqltune.visible import visible, visible_json

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
    typer.echo(visible_json(json.dumps(value, ensure_ascii=False, indent=2, default=plain_value)))


def json_line(value: object) -> bytes:
    """Return one JSON document as one line of UTF-8, whatever the locale."""
    line = visible_json(json.dumps(value, ensure_ascii=False, default=plain_value))
    return line.encode("utf-8") + b"\n"


def shown_text(text: str, *, keep: str = "\n") -> str:
    """Return somebody's text as a table shows it: escaped but for `keep`, cut where it is long."""
    if len(text) > _LONGEST_CELL:
        text = f"{text[:_LONGEST_CELL]}… ({len(text):,} characters)"
    return visible(text, keep=keep)


def plain_value(value: object) -> object:
    """Return a value of a row that JSON has no type for as a text or a number.

    Raises:
        TypeError: it is of another type.
    """
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    raise TypeError(f"cannot write {type(value).__name__} as JSON")
