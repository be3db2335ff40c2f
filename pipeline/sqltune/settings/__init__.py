"""What the operator decides: where the database, the weights and the allowed base models are."""

from __future__ import annotations

from sqltune.settings.declared import VERSION, WEBHOOK_EVENTS, Settings
from sqltune.settings.loading import UnknownVariable, find_unknown_variables, load_settings

__all__ = [
    "VERSION",
    "WEBHOOK_EVENTS",
    "Settings",
    "UnknownVariable",
    "find_unknown_variables",
    "load_settings",
]
