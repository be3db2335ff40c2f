"""Extra training pairs that keep what the base model knows."""

from __future__ import annotations
