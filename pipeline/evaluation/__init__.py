"""Evaluation: ask the prompts, score the answers, compare before with after, decide what goes live.

Stands between the runner and database/backends; each step stores what it found and can be called
again after a crash.
"""

from __future__ import annotations
