"""Checks that may be asked for often and are made seldom."""

from __future__ import annotations

import time
from collections.abc import Callable

#: How often a long computation calls its caller's check.
CHECK_SECONDS = 0.5


def throttled(check: Callable[[], None] | None) -> Callable[[], None]:
    """Return a function that may be called often, and calls `check` once in CHECK_SECONDS."""
    checked_at = time.monotonic()

    def check_seldom() -> None:
        nonlocal checked_at
        if check is not None and time.monotonic() - checked_at >= CHECK_SECONDS:
            check()
            checked_at = time.monotonic()

    return check_seldom
