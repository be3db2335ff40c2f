"""Options that several commands share, and the settings."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from sqltune.cli.output import say

if TYPE_CHECKING:
    from sqltune.settings import Settings

NO_ADAPTER = "no enabled adapter: INSERT INTO adapters (adapter_name, base_model) VALUES (...)"
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, with every value whole.")]
AsCsv = Annotated[
    bool, typer.Option("--csv", help="Print CSV for spreadsheets; no text becomes a formula.")
]
AdapterNames = Annotated[
    list[str] | None,
    typer.Argument(
        help="Adapters by name; all enabled ones when none is named.", show_default=False
    ),
]


def read_settings(**flags: object) -> Settings:
    """Read the settings, configure the log, and warn about misspelt variables."""
    # `sqltune --help` does not need these imports.
    from sqltune import log
    from sqltune.settings import find_unknown_variables, load_settings

    settings = load_settings(**flags)
    log.configure(settings.log_level, settings.log_format)
    for variable in find_unknown_variables(os.environ):
        say(f"sqltune: {variable}")
    return settings
