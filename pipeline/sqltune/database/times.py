"""Times as they are written to and read from the database: UTC, without a time zone, as text that
every engine reads.
"""

from __future__ import annotations

from datetime import UTC, datetime


def format_time(moment: datetime) -> str:
    """Return a time in UTC as 'YYYY-MM-DD HH:MM:SS.ffffff'.

    Args:
        moment: in UTC, or with a zone, from which it is converted.
    """
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return moment.isoformat(sep=" ", timespec="microseconds")


def parse_time(value: object) -> datetime | None:
    """Return a time that was read from the database, in UTC.

    Args:
        value: text from SQLite, a datetime from the others, or None for NULL.

    Returns:
        None also for text that is no time, which SQLite stores all the same.
    """
    if value is None or isinstance(value, datetime):
        return value
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo is not None else moment
