"""How many processor cores this process may really use. No torch."""

from __future__ import annotations

import math
import os
from pathlib import Path

_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def usable_cores(quota: Path = _QUOTA) -> int:
    """Return the cores that affinity and the container's quota leave, at least one.

    Args:
        quota: the control group's file: microseconds per period, or `max`, and the period.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(1, min(cores, _quota_cores(quota) or cores))


def _quota_cores(quota: Path) -> int | None:
    try:
        limit, period = quota.read_text("ascii").split()
        return math.ceil(int(limit) / int(period))
    except (OSError, ValueError, ZeroDivisionError):
        # No control group, an older one, or no limit.
        return None
