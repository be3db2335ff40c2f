"""Times on their way into and out of the database: UTC, without a time zone, as text that every
engine reads.
"""

from __future__ import annotations

from datetime import UTC, datetime


def format_time(moment: datetime) -> str:
    """Give a UTC time as 'YYYY-MM-DD HH:MM:SS.ffffff'; a time that has a zone is moved to UTC
    first.
    """
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return moment.isoformat(sep=" ", timespec="microseconds")


def parse_time(value: object) -> datetime | None:
    """Give a time as the database gave it, in UTC: text from SQLite, a datetime from the others,
    None for NULL and for what is no time, which SQLite stores all the same.
    """
    if value is None or isinstance(value, datetime):
        return value
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo is not None else moment
