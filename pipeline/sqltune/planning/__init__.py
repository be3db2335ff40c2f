"""What to do for an adapter and why; reads only."""

from __future__ import annotations
