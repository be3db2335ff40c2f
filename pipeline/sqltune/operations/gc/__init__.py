"""Find and remove orphans: stored artifacts without a row, and rows without an artifact."""

from __future__ import annotations

from sqltune.operations.gc.expiring import Expired, expire
from sqltune.operations.gc.finding import OrphanReport, find_orphans
from sqltune.operations.gc.removing import remove_orphans

__all__ = ["Expired", "OrphanReport", "expire", "find_orphans", "remove_orphans"]
