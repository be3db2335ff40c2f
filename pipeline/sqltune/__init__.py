"""sqltune: fine-tuning that lives in your SQL database.

The names below are the public Python API; `docs/python-api.md` describes them. Every other module
is private and may change in any release.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqltune.api import Workspace
    from sqltune.api import open_workspace as open
    from sqltune.errors import ConfigError, DatabaseError, DataError, PipelineError
    from sqltune.operations.forecast import Forecast
    from sqltune.settings import VERSION as __version__
    from sqltune.syncing.outcomes import Outcome

__all__ = [
    "ConfigError",
    "DataError",
    "DatabaseError",
    "Forecast",
    "Outcome",
    "PipelineError",
    "Workspace",
    "__version__",
    "open",
]

#: Where the public names are defined. They are imported on first use, so that the command starts
#: quickly.
_HOMES = {
    "Workspace": ("sqltune.api", "Workspace"),
    "__version__": ("sqltune.settings", "VERSION"),
    "open": ("sqltune.api", "open_workspace"),
    "Forecast": ("sqltune.operations.forecast", "Forecast"),
    "Outcome": ("sqltune.syncing.outcomes", "Outcome"),
    "ConfigError": ("sqltune.errors", "ConfigError"),
    "DataError": ("sqltune.errors", "DataError"),
    "DatabaseError": ("sqltune.errors", "DatabaseError"),
    "PipelineError": ("sqltune.errors", "PipelineError"),
}


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'sqltune' has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(import_module(module), attribute)
