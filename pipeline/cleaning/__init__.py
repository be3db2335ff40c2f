"""What backends hold that nobody needs, and rows whose adapter is gone: found and removed."""

from __future__ import annotations

from pipeline.cleaning.finding import Findings, find_orphans
from pipeline.cleaning.removing import remove_orphans

__all__ = ["Findings", "find_orphans", "remove_orphans"]
