"""What to do for an adapter, and why. Reads only; `syncing` carries the plan out."""

from __future__ import annotations
