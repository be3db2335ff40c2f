"""Which adapter is synced when, and one adapter's turn under its lease."""

from __future__ import annotations
