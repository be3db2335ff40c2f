"""What the server says of itself: its version, and the time that it fills into people's rows."""

from __future__ import annotations

from datetime import UTC, datetime

from pipeline.database.connection import Database
from pipeline.database.times import parse_time


def server_version(database: Database) -> str:
    """Give the engine and its version.

    Raises:
        DatabaseUnavailable: it cannot be reached.
    """
    with database.read() as session:
        row = session.fetch_one("get_server_version")
    return f"{database.kind.value} {row.version}" if row is not None else database.kind.value


def utc_time(database: Database) -> datetime | None:
    """Give the server's own time, in UTC; None where it says none."""
    with database.read() as session:
        row = session.fetch_one("get_utc_time")
    return parse_time(row.server_time) if row is not None else None


def default_time_seconds(database: Database) -> float:
    """Give the time that a person's INSERT would get now, in seconds since 1970, taken as UTC."""
    with database.read() as session:
        row = session.fetch_one("get_default_time")
    moment = parse_time(row.default_time) if row is not None else None
    return moment.replace(tzinfo=UTC).timestamp() if moment is not None else 0.0
