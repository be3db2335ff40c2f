"""How long ago something was, and how long it took, as people say it."""

from __future__ import annotations

from datetime import datetime

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
#: Older moments are dates.
_DAYS_AS_AGE = 30


def describe_age(moment: datetime | str, now: datetime) -> str:
    """Return a moment as `12 s ago`, `5 min ago`, `3 h ago`, `2 days ago`, or its date.

    Args:
        moment: in UTC.
        now: the time in UTC; a moment that is later, by another clock, was just now.
    """
    when = _read(moment)
    seconds = max(0, int((now - when).total_seconds()))
    if seconds < _MINUTE:
        return f"{seconds} s ago"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE} min ago"
    if seconds < 2 * _DAY:
        return f"{seconds // _HOUR} h ago"
    if seconds < _DAYS_AS_AGE * _DAY:
        return f"{seconds // _DAY} days ago"
    return when.date().isoformat()


def describe_time_since(moment: datetime | str, now: datetime) -> str:
    """Return how long ago a moment in UTC was, as `describe_duration` does."""
    return describe_duration(max(0.0, (now - _read(moment)).total_seconds()))


def describe_duration(seconds: float) -> str:
    """Return a duration as `0.4 s`, `12 s`, `1 min 42 s` or `2 h 5 min`."""
    if seconds < _MINUTE:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"


def _read(moment: datetime | str) -> datetime:
    return datetime.fromisoformat(moment) if isinstance(moment, str) else moment
