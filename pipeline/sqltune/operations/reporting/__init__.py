"""Writes what `sqltune report` shows: a page of HTML per adapter, and an index over all of them.

A page needs nothing besides itself: no script, no font, no network. Everything that a person or a
model wrote is text on it, never markup.
"""

from __future__ import annotations

from sqltune.operations.reporting.files import write_reports

__all__ = ["write_reports"]
