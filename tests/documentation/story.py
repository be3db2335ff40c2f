"""Runs the blocks of one page in their order, in a folder and an environment of their own.

Console blocks are run command by command; output that is shown below a command must be what the
command prints, where `...` may be anything. SQL runs on the SQLite file of the folder; a block of
text right after it is the result of its last SELECT, cells separated by `|`. Other formats are
parsed.
"""

from __future__ import annotations

import configparser
import json
import os
import re
import shlex
import socket
import sqlite3
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml

from sqltune.settings import Settings, load_settings
from tests.documentation.exceptions import BLOCKS_NOT_RUN, COMMANDS_NOT_RUN
from tests.documentation.pages import Block, Command, read_commands

BIN = Path(sys.executable).parent
#: Nothing that a page runs takes longer, however busy the machine is.
PATIENCE_SECONDS = 300
#: Commands that stay until they are stopped.
_STAYING = ("sqltune worker", "sqltune serve")
#: Ports that the pages name; a story uses free ones in their place.
_PORTS = ("8400", "9100")
_OWN_VARIABLES = ("SQLTUNE_", "GRADIENT_", "PYTHON")


class Story:
    """One page, as a reader follows it from top to bottom."""

    def __init__(self, folder: Path, *, printed: Mapping[str, str] | None = None) -> None:
        """Run in this folder; `printed` is what commands printed that were run in it before."""
        self.folder = folder
        self._printed = printed or {}
        self._ports = {port: _free_port() for port in _PORTS}
        self._staying: list[subprocess.Popen[str]] = []
        self._last_rows: list[tuple[Any, ...]] | None = None
        clean = {k: v for k, v in os.environ.items() if not k.startswith(_OWN_VARIABLES)}
        self.environment = clean | {
            "PATH": f"{BIN}:{clean['PATH']}",
            "COLUMNS": "120",
            "PYTHONPATH": "",
        }

    def follow(self, blocks: list[Block]) -> None:
        """Run every block and stop what was left running."""
        try:
            for block in blocks:
                self._run_block(block)
        finally:
            codes = [_stop(process) for process in self._staying]
        assert codes == [0] * len(codes)

    def _run_block(self, block: Block) -> None:
        if (block.page, block.first_line) in BLOCKS_NOT_RUN:
            return
        runners: dict[str, Callable[[Block], None]] = {
            "console": self._run_console,
            "sql": self._run_sql,
            "python": self._run_python,
            "text": self._compare_rows,
            **_PARSERS,
        }
        assert block.language in runners, f"{block.place}: nothing runs {block.language!r}"
        runners[block.language](block)

    def _run_console(self, block: Block) -> None:
        for command in read_commands(block):
            if command.text not in COMMANDS_NOT_RUN:
                self._run_command(block, command)

    def _run_command(self, block: Block, command: Command) -> None:
        if command.text in self._printed:
            return
        if command.text.startswith("export "):
            self._export(command.text)
            return
        if command.text.startswith(_STAYING):
            self._start(command.text)
            return
        done = subprocess.run(
            ["bash", "-c", self._with_free_ports(command.text)],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )
        assert done.returncode == 0, f"{block.place}: {command.text}\n{done.stdout}"
        if command.output.strip():
            assert matches(command.output, done.stdout), (
                f"{block.place}: {command.text} prints\n{done.stdout}\nnot\n{command.output}"
            )

    def _export(self, command: str) -> None:
        for word in shlex.split(self._with_free_ports(command))[1:]:
            name, _, value = word.partition("=")
            self.environment[name] = value

    def _start(self, command: str) -> None:
        process = subprocess.Popen(
            shlex.split(self._with_free_ports(command)),
            cwd=self.folder,
            env=self.environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._staying.append(process)
        assert process.stderr is not None
        assert process.stderr.readline(), f"{command} ended at once"

    def _with_free_ports(self, text: str) -> str:
        for port, free in self._ports.items():
            text = re.sub(rf"\b{port}\b", free, text)
        return text

    def _run_sql(self, block: Block) -> None:
        """Run each statement; the rows of the last SELECT wait for the block that shows them."""
        with sqlite3.connect(self.folder / "sqltune.db") as connection:
            for statement in split_statements(block.text):
                try:
                    cursor = connection.execute(statement)
                except sqlite3.Error as error:
                    raise AssertionError(f"{block.place}: {error}\n{statement}") from error
                if cursor.description is not None:
                    names = tuple(column[0] for column in cursor.description)
                    self._last_rows = [names, *cursor.fetchall()]
        connection.close()

    def _compare_rows(self, block: Block) -> None:
        assert self._last_rows is not None, f"{block.place}: no SELECT stands before this result"
        shown = "\n".join(" | ".join(map(_cell, row)) for row in self._last_rows)
        assert matches(block.text, shown), f"{block.place}: the rows are\n{shown}"
        self._last_rows = None

    def _run_python(self, block: Block) -> None:
        done = subprocess.run(
            [sys.executable, "-c", self._with_free_ports(block.text)],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )
        assert done.returncode == 0, f"{block.place}: {done.stderr}"


def split_statements(script: str) -> list[str]:
    """Split SQL at semicolons that end a line, a comment after it left out."""
    bare = re.sub(r"[ \t]*--.*$", "", script, flags=re.MULTILINE)
    return [part.strip() for part in re.split(r";\s*$", bare, flags=re.MULTILINE) if part.strip()]


def matches(shown: str, printed: str) -> bool:
    """Whether a page shows what was printed: blanks count as one, `...` stands for anything."""
    wanted = [re.escape(part) for part in re.split(r"\s*\.\.\.\s*", " ".join(shown.split()))]
    return re.fullmatch(".*".join(wanted), " ".join(printed.split()), re.DOTALL) is not None


def _cell(value: object) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _free_port() -> str:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return str(listener.getsockname()[1])


def _stop(process: subprocess.Popen[str]) -> int:
    process.terminate()
    process.communicate(timeout=PATIENCE_SECONDS)
    return process.returncode


def _parse_cron(block: Block) -> None:
    for line in block.text.splitlines():
        assert re.match(r"(?:[\d*/,-]+ ){5}\S", line), f"{block.place}: {line}"


class _UnitFile(configparser.ConfigParser):
    def optionxform(self, optionstr: str) -> str:
        """Return the name as it is: systemd knows capital from small letters."""
        return optionstr


def _parse_ini(block: Block) -> None:
    parser = _UnitFile(strict=False)
    parser.read_string(block.text)
    assert parser.sections(), block.place


def _parse_yaml(block: Block) -> None:
    assert isinstance(yaml.safe_load(block.text), dict), block.place


def _parse_toml(block: Block) -> None:
    """Read it as `sqltune.toml` is read."""
    values = tomllib.loads(block.text)
    assert set(values) <= {field.name for field in fields(Settings)}, block.place
    load_settings(**values)


def _parse_json(block: Block) -> None:
    json.loads(block.text)


_PARSERS: dict[str, Callable[[Block], None]] = {
    "cron": _parse_cron,
    "ini": _parse_ini,
    "yaml": _parse_yaml,
    "toml": _parse_toml,
    "json": _parse_json,
}
