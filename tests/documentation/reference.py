"""Writes the pages of docs/reference from the source: settings, columns, views, commands.

`python -m tests.documentation.reference` rewrites them; `make docs-reference` calls it.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from dataclasses import Field, fields
from functools import cache
from pathlib import Path
from typing import Any

import typer
from typer.testing import CliRunner

from sqltune.cli import app
from sqltune.database.queries import find_sql_folder
from sqltune.settings import Settings
from tests.documentation.sql_columns import Column, read_tables

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
_NOTE = "<!-- Written from the source by `make docs-reference`; edit the source instead. -->"


@cache
def pages() -> dict[str, str]:
    """Return the text of every page by its file's name."""
    texts = {
        "settings.md": settings_page(),
        "adapters.md": adapters_page(),
        "tables.md": tables_page(),
        "views.md": views_page(),
        "command-line.md": commands_page(),
    }
    return {name: f"{_NOTE}\n\n{text.strip()}\n" for name, text in texts.items()}


def settings_page() -> str:
    """Return the settings with their variables, defaults and meanings."""
    meanings = _field_comments()
    rows = [(f"`SQLTUNE_{f.name.upper()}`", _shown(f), meanings[f.name]) for f in fields(Settings)]
    secrets = ", ".join(f"`SQLTUNE_{f.name.upper()}`" for f in fields(Settings) if not f.repr)
    return f"""
# Settings

A setting comes from the command's flag, else from the environment, else from `sqltune.toml` in
the working folder, else it has its default. In `sqltune.toml` the names are in lower case and
without the prefix: `lease_seconds = 120`. In the environment, the parts of a list are separated by
commas, folders by colons. Passwords and tokens belong in the environment, never in the file; they
may be part of {secrets}.

{_table(("variable", "default", "meaning"), rows)}

The backend `gradient` takes its address and its credentials from the variables that Gradient's own
scripts use: see [backends](../backends.md#gradient).
"""


def _field_comments() -> dict[str, str]:
    """Return the `#:` lines above each field of Settings, joined."""
    lines = inspect.getsource(Settings).splitlines()
    found: dict[str, str] = {}
    words: list[str] = []
    for line in lines:
        if line.strip().startswith("#: "):
            words.append(line.strip().removeprefix("#: "))
        elif match := re.match(r"    (\w+): ", line):
            found[match[1]], words = " ".join(words).replace("None: ", "unset: "), []
    return found


def _shown(setting: Field[Any]) -> str:
    """Return a default as it is written in the environment."""
    value = setting.default
    if value is None or value == ():
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, float):
        return f"`{value:g}`"
    if isinstance(value, tuple):
        return f"`{','.join('='.join(v) if isinstance(v, tuple) else str(v) for v in value)}`"
    return f"`{value}`"


def adapters_page() -> str:
    """Return the columns of `adapters`."""
    return f"""
# The columns of `adapters`

One row of `adapters` is the desired state of one adapter. Only `adapter_name` and `base_model`
have to be given. `sqltune plan` shows what a change of the row would do.

{_columns(read_tables()["adapters"])}
"""


def tables_page() -> str:
    """Return the columns of all tables."""
    written, kept = ("What people write", "What the runner writes")
    tables = read_tables()
    parts = [f"## {heading}\n\n{_described(heading, tables)}" for heading in (written, kept)]
    return f"""
# Tables

The same tables, columns and order exist in every engine; the types are MySQL's. Times are UTC,
flags are 0 or 1. BI tools read the [views](views.md) instead. The files themselves are in
`sql/migrations`.

{chr(10).join(parts)}
"""


def views_page() -> str:
    """Return what sql/README.md says of the views and their columns."""
    section = re.sub(r"^###", "##", _section("What BI tools read"), flags=re.MULTILINE)
    return f"""
# Views

[Results and BI](../results.md) shows them in use.

{section.strip()}
"""


def _described(heading: str, columns: dict[str, list[Column]]) -> str:
    """Return the tables of one section of sql/README.md, each with its two sentences."""
    entries = re.findall(r"^- \*\*`(\w+)`\*\*: (.+)\n  (\S.+)$", _section(heading), re.MULTILINE)
    return "\n\n".join(
        f"### `{name}`\n\n{first[0].upper()}{first[1:]}\n{second}\n\n{_columns(columns[name])}"
        for name, first, second in entries
    )


def _section(heading: str) -> str:
    readme = (find_sql_folder() / "README.md").read_text("utf-8")
    return readme.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def _columns(columns: Iterable[Column]) -> str:
    rows = [(f"`{c.name}`", c.type, c.default, c.meaning) for c in columns]
    return _table(("column", "type", "default", "meaning"), rows)


def commands_page() -> str:
    """Return every command with its arguments and options, as `--help` has them."""
    group = typer.main.get_command(app)
    commands: dict[str, Any] = vars(group)["commands"]
    parts = "\n\n".join(_command(name, command) for name, command in commands.items())
    return f"""
# Command line

Data goes to stdout, messages go to stderr. `sqltune --help` lists the commands, and
`sqltune COMMAND --help` shows one. Exit codes: 0 done or nothing to do, 1 a run failed, 2 usage or
configuration, 3 a gate refused a version.

{parts}
"""


def _command(name: str, command: Any) -> str:
    usage = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "200"}).stdout.strip()
    text = "\n\n".join(" ".join(part.split()) for part in command.help.split("\n\n"))
    rows = list(_parameters(command.params))
    table = f"\n\n{_table(('argument or option', 'default', 'meaning'), rows)}" if rows else ""
    return (
        f"## `sqltune {name}`\n\n`{usage.splitlines()[0].removeprefix('Usage: ')}`\n\n{text}{table}"
    )


def _parameters(parameters: Iterable[Any]) -> Iterator[tuple[str, str, str]]:
    for parameter in parameters:
        names = ", ".join(f"`{name}`" for name in [*parameter.opts, *parameter.secondary_opts])
        meaning, is_setting, written = parameter.help.partition(" [default: ")
        default = parameter.default if parameter.default not in (None, False) else ""
        if is_setting:
            default, _, variable = written.rstrip("].").partition("; env: ")
            meaning += f"; `{variable}`"
        yield (
            names,
            "required" if parameter.required else f"`{default}`" if default else "",
            meaning,
        )


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    escaped = ([cell.replace("|", "\\|") for cell in line] for line in lines)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in escaped)


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, "utf-8")
