"""Options that several commands share, and the settings that come of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sqltune.settings import Settings

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
AdapterNames = Annotated[
    list[str] | None,
    typer.Argument(
        help="Adapters by name; all enabled ones when none is named.", show_default=False
    ),
]


def read_settings(**flags: object) -> Settings:
    """Read the settings and set up the log by them."""
    # `sqltune --help` answers without them.
    from sqltune import log
    from sqltune.settings import load_settings

    settings = load_settings(**flags)
    log.configure(settings.log_level, settings.log_format)
    return settings
