"""Reads a selection from a SQLite file in a process that can be ended at any instruction."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from sqltune.database import sqlite_child
from sqltune.database.connection import Database
from sqltune.database.reading_cursor import MOST_PAGE_BYTES, ReadingCursor, read_binary
from sqltune.errors import ConfigError, DatabaseUnavailable

#: What SQLite reads as one piece; of these only a name in double quotes is captured.
_PIECES = re.compile(
    r"'(?:[^']|'')*'|`(?:[^`]|``)*`|\[[^\]]*\]|--[^\n]*|/\*.*?\*/|\"((?:[^\"]|\"\")*)\"", re.DOTALL
)
_MISSING_COLUMN = re.compile(r"no such column: (.*)")


def open_sqlite(database: Database) -> ReadingCursor:
    """Return a cursor on a database file, in a new process."""
    address = _file_address(database)
    rows = _ProcessRows(_start_process())
    return ReadingCursor(
        execute=lambda sql, values: rows.ask(address, sql, values),
        fetch=rows.fetch,
        column_names=lambda: rows.column_names,
        abort=rows.abort,
        close=rows.close,
    )


def _start_process() -> subprocess.Popen[bytes]:
    try:
        # -I and -S: nothing but the standard library is imported, so that it starts at once.
        return subprocess.Popen(  # noqa: S603  a program of ours
            [sys.executable, "-I", "-S", sqlite_child.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            process_group=0,  # a Ctrl-C is for this process
        )
    except OSError as error:
        raise DatabaseUnavailable(
            f"the process that reads the database cannot be started: {error}"
        ) from error


class _ProcessRows:
    """The rows of a query, which a process of its own reads; a further query gets another one."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._was_asked = False
        self._use(process)

    def _use(self, process: subprocess.Popen[bytes]) -> None:
        self.column_names: list[str] = []
        self._frame_bytes = 0
        self._is_at_end = False
        self._process = process
        self._input = cast("BinaryIO", process.stdin)
        self._output = cast("BinaryIO", process.stdout)

    def ask(self, address: str, sql: str, values: Mapping[str, object]) -> None:
        if self._was_asked:
            self.close()
            self._use(_start_process())
        self._was_asked = True
        with suppress(BrokenPipeError):  # why it ended is read next
            sqlite_child.write_frame(self._input, (address, quote_names(sql), dict(values)))
        try:
            _, self.column_names = self._read()
        except sqlite3.OperationalError as error:
            raise sqlite3.OperationalError(_explain(str(error), sql)) from None

    def fetch(self, row_count: int) -> list[tuple[Any, ...]]:
        page: list[tuple[Any, ...]] = []
        size = 0
        while not self._is_at_end and len(page) < row_count and size < MOST_PAGE_BYTES:
            name, rows = self._read()
            if name == "end":
                self._is_at_end = True
            else:
                page += map(_read_marked, rows) if name == "marked rows" else rows
                size += self._frame_bytes
        return page

    def abort(self) -> str:
        self._process.kill()
        return ""

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._output.close()
        with suppress(BrokenPipeError):
            self._input.close()

    def _read(self) -> tuple[str, Any]:
        data = sqlite_child.read_data(self._output)
        if data is None:
            code = self._process.wait()
            raise sqlite3.OperationalError(f"the process that runs it ended with code {code}")
        self._frame_bytes = len(data)
        name, content = sqlite_child.loads(data)
        if name == "error":
            kind, message = content
            raise getattr(sqlite3, kind, sqlite3.OperationalError)(message)
        return name, content


def _read_marked(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(read_binary(*v) if type(v) is list else v for v in row)


def quote_names(sql: str) -> str:
    """Return a query with its names between backticks, in place of double quotes.

    SQLite takes a name in double quotes that it does not find for a text:
    https://sqlite.org/quirks.html#double_quoted_string_literals_are_accepted
    """
    return _PIECES.sub(_quote_name, sql)


def _quote_name(piece: re.Match[str]) -> str:
    name = piece.group(1)
    if name is None:
        return piece.group()
    return "`" + name.replace('""', '"').replace("`", "``") + "`"


def _explain(message: str, sql: str) -> str:
    missing = _MISSING_COLUMN.match(message)
    if missing and f'"{missing[1].rpartition(".")[2]}"' in sql:
        return f"{message}: correct the name, or write a text in single quotes"
    return message


def _file_address(database: Database) -> str:
    path = database.engine.url.database
    if not path or path == ":memory:":
        raise ConfigError("a selection needs a database in a file: sqlite:///name.db")
    # sqlite:///file:name.db?mode=ro&uri=true names the same file in SQLite's own notation.
    path = path.removeprefix("file:")
    address = path if path.startswith("file:") else Path(path).absolute().as_uri()
    return f"{address}?mode=ro"
