"""Rows for people, as a table or a block per row, and for programs, as JSON or CSV."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from io import StringIO
from typing import TYPE_CHECKING, Any

from sqltune.cli.output import (
    drawing_stream,
    plain_value,
    say,
    shown_text,
    write_json,
)
from sqltune.errors import ConfigError
from sqltune.visible import visible_json

if TYPE_CHECKING:
    from rich.console import Console

#: Between two columns.
_GAP = 2
#: The widest column may be folded to so many characters before rows become blocks.
_LEAST_FOLDED = 30
#: Characters of a line into a pipe.
_PIPE_WIDTH = 120
_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")


class OutputForm(StrEnum):
    """How a command prints its data."""

    TEXT = "text"
    JSON = "json"
    CSV = "csv"


def choose_form(*, as_json: bool, as_csv: bool) -> OutputForm:
    """Return the form that the options name.

    Raises:
        ConfigError: they name two.
    """
    if as_json and as_csv:
        raise ConfigError("give --json or --csv, not both")
    return OutputForm.JSON if as_json else OutputForm.CSV if as_csv else OutputForm.TEXT


def write_data(rows: Sequence[Mapping[str, Any]], form: OutputForm) -> None:
    """Write rows for a program: a JSON list of objects, or CSV with a header."""
    if form is OutputForm.JSON:
        write_json(rows)
    elif rows:
        _write_csv(rows)


def _write_csv(rows: Sequence[Mapping[str, Any]]) -> None:
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(rows[0])
    writer.writerows([[_csv_value(value) for value in row.values()] for row in rows])
    sys.stdout.write(text.getvalue())


def _csv_value(value: object) -> object:
    if isinstance(value, dict | list | tuple):
        return visible_json(json.dumps(value, ensure_ascii=False, default=plain_value))
    if isinstance(value, str):
        # A spreadsheet would compute it: an answer of a model must not become a formula.
        return f"'{value}" if value.startswith(_FORMULA_SIGNS) else value
    return value if value is None or isinstance(value, int | float) else plain_value(value)


def write_rows(rows: Sequence[Mapping[str, Any]], form: OutputForm, *, empty: str) -> None:
    """Write rows in a form; `empty` is what people read if there are none."""
    if form is not OutputForm.TEXT:
        write_data(rows, form)
    elif not rows:
        say(empty)
    else:
        write_table(rows, list(rows[0]))


def write_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Write rows as a table, or as blocks where the terminal is too narrow for one.

    No text of a row begins a line, except that of the first column, which is one line. The widest
    of the other columns may be folded. A block leaves out what is empty.
    """
    with open_console() as console:
        shown = [
            [_cell(row[column], keep="\n" if n else "") for n, column in enumerate(columns)]
            for row in rows
        ]
        titles = [column.replace("_", " ") for column in columns]
        if _fits(shown, titles, console.width):
            _write_aligned(console, shown, titles)
        else:
            for cells in shown:
                write_labelled(
                    console, [fact for fact in zip(titles, cells, strict=True) if fact[1]]
                )
                console.print()


def write_labelled(console: Console, lines: Sequence[tuple[str, str]]) -> None:
    """Write texts beside their labels: no text of others begins a line, wherever it is folded."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, _GAP, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for label, text in lines:
        # Text, not markup: a response may contain square brackets.
        grid.add_row(Text(label), Text(text))
    console.print(grid)


@contextmanager
def open_console() -> Iterator[Console]:
    """Open stdout for what rich draws: as wide as the terminal, or 120 characters into a pipe."""
    from rich.console import Console

    sys.stdout.flush()
    stream = drawing_stream(sys.stdout)
    if stream.isatty():
        yield Console(file=stream, highlight=False)
    else:
        drawn = StringIO()
        yield Console(file=drawn, width=_PIPE_WIDTH, highlight=False)
        # rich fills lines with blanks up to the width.
        stream.writelines(f"{line.rstrip()}\n" for line in drawn.getvalue().splitlines())
    stream.flush()


def _fits(shown: Sequence[Sequence[str]], titles: Sequence[str], width: int) -> bool:
    from rich.cells import cell_len

    first, *others = (
        max(cell_len(line) for text in (titles[n], *column) for line in text.split("\n"))
        for n, column in enumerate(zip(*shown, strict=True))
    )
    widest = max(others, default=0)
    # The widest is the one that is folded; never the first, whose second line would begin a line.
    least = first + sum(others) - widest + min(widest, _LEAST_FOLDED)
    return least + _GAP * len(titles) <= width


def _write_aligned(console: Console, shown: Sequence[Sequence[str]], titles: Sequence[str]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    for title in titles:
        table.add_column(title, overflow="fold")
    for cells in shown:
        # Text, not markup: a response may contain square brackets.
        table.add_row(*[Text(cell) for cell in cells])
    console.print(table)


def _cell(value: object, keep: str) -> str:
    if value is None:
        return ""
    return shown_text(f"{value:.4g}" if isinstance(value, float) else str(value), keep=keep)
