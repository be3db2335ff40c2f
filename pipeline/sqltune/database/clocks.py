"""The database server's clocks: the UTC time that the runner writes, and the time that the server
fills into people's rows.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqltune.database.connection import Database, EngineKind
from sqltune.database.times import parse_time
from sqltune.errors import DatabaseError


def utc_now() -> datetime:
    """Return this machine's time in UTC, without a time zone."""
    return datetime.now(UTC).replace(tzinfo=None)


def server_version(database: Database) -> str:
    """Return the engine and its version.

    Raises:
        DatabaseUnavailable: the server cannot be reached.
    """
    with database.read() as session:
        row = session.fetch_one("get_server_version")
    return f"{database.kind.value} {row.version}" if row is not None else database.kind.value


def server_time(database: Database) -> datetime | None:
    """Return the server's own time in UTC, or None if the server returns none."""
    with database.read() as session:
        row = session.fetch_one("get_utc_time")
    return parse_time(row.server_time) if row is not None else None


def default_time_seconds(database: Database) -> float:
    """Return the time that a person's INSERT would get now, in seconds since 1970, read as UTC."""
    with database.read() as session:
        row = session.fetch_one("get_default_time")
    moment = parse_time(row.default_time) if row is not None else None
    return moment.replace(tzinfo=UTC).timestamp() if moment is not None else 0.0


@dataclass(frozen=True, slots=True)
class _ClockReading:
    """One reading of the server's clock and of this machine's clocks at that moment."""

    server: datetime
    machine: datetime
    monotonic: float


class DatabaseClock:
    """The time of the database server in UTC, so that the clocks of machines need not agree.

    The server is asked once and then every few minutes. In between, monotonic seconds are added
    rather than this machine's clock, which a person or NTP may set.
    """

    _MAX_AGE_SECONDS = 300.0
    #: A machine that slept or whose clock was set: its monotonic and wall clocks diverge.
    _MAX_DRIFT_SECONDS = 1.0

    def __init__(
        self,
        database: Database,
        *,
        read_server: Callable[[Database], datetime | None] = server_time,
        machine_now: Callable[[], datetime] = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Follow the clock of this database's server."""
        self._database = database
        self._read_server = read_server
        self._machine_now = machine_now
        self._monotonic = monotonic
        self._reading: _ClockReading | None = None

    def __call__(self) -> datetime:
        """Return the current time in UTC."""
        if self._database.kind is EngineKind.SQLITE:
            return self._machine_now()  # SQLite's clock is this machine's own
        if self._reading is None or self._is_outdated(self._reading):
            # While the database is unavailable the last reading stays in use.
            with suppress(DatabaseError):
                self._read()
        if self._reading is None:
            return self._machine_now()
        return self._reading.server + timedelta(seconds=self._monotonic() - self._reading.monotonic)

    def _is_outdated(self, reading: _ClockReading) -> bool:
        elapsed = self._monotonic() - reading.monotonic
        drift = (self._machine_now() - reading.machine).total_seconds() - elapsed
        return elapsed > self._MAX_AGE_SECONDS or abs(drift) > self._MAX_DRIFT_SECONDS

    def _read(self) -> None:
        server = self._read_server(self._database)
        if server is not None:
            self._reading = _ClockReading(server, self._machine_now(), self._monotonic())
