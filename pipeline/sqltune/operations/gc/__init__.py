"""Finds and removes orphans: artifacts that nobody needs, and rows whose adapter is gone."""

from __future__ import annotations

from sqltune.operations.gc.finding import OrphanReport, find_orphans
from sqltune.operations.gc.removing import remove_orphans

__all__ = ["OrphanReport", "find_orphans", "remove_orphans"]
