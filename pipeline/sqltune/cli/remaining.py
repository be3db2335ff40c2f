"""How long an activity will still take, by how long it took so far."""

from __future__ import annotations

from collections.abc import Callable

#: Before so much time has passed, an estimate says little.
_LEAST_SECONDS = 2.0
#: The same for the share that is done: the first answers of a batch take longer than the others.
_LEAST_SHARE = 0.05
_MINUTE = 60


class RemainingTime:
    """Estimates the time that is left of one activity after the other."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """Measure by `monotonic`, in seconds."""
        self._monotonic = monotonic
        self._activity: str | None = None
        self._started_at = 0.0
        self._started_with = 0

    def estimate(self, activity: str, done: int, total: int | None) -> str:
        """Return a text such as `about 25 s left`; empty where nothing is known.

        What was done when the activity was first heard of, as by a run that died, took no time.
        """
        now = self._monotonic()
        if activity != self._activity or done < self._started_with:
            self._activity, self._started_at, self._started_with = activity, now, done
        made, passed = done - self._started_with, now - self._started_at
        if total is None or made <= 0 or done >= total or passed < _LEAST_SECONDS:
            return ""
        if made < _LEAST_SHARE * (total - self._started_with):
            return ""
        return f"{describe_seconds(passed / made * (total - done))} left"


def describe_seconds(seconds: float) -> str:
    """Return a duration as precise as an estimate is: `about 40 s`, `about 3 min`."""
    if seconds < _MINUTE:
        return f"about {max(1, round(seconds))} s"
    if seconds < _MINUTE**2:
        return f"about {round(seconds / _MINUTE)} min"
    return f"about {seconds / _MINUTE**2:.1f} h"
