"""One run from its first state to its last, one module per state."""

from __future__ import annotations
