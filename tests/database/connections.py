"""What the tests of connections share: a sample to write, and the server's list of connections."""

from __future__ import annotations

from collections.abc import Callable

from sqltune.database.connection import Database, Session

Open = Callable[..., Database]
SAMPLE = {
    "dataset": "d",
    "prompt": "p",
    "response": "r",
    "system_prompt": None,
    "messages": None,
    "weight": 1.0,
    "group_key": None,
    "split": None,
}
_PROCESSES = "SELECT id FROM information_schema.processlist"


def count_samples(database: Database) -> int:
    """Count the samples."""
    with database.read() as session:
        result = session.connection.exec_driver_sql("SELECT COUNT(*) FROM training_samples")
        return int(result.scalar_one())


def kill_connection(database: Database, number: int) -> None:
    """Close a connection at the server."""
    with database.engine.connect() as other:
        other.exec_driver_sql(f"KILL {number}")


def connection_number(session: Session) -> int:
    """Return the number that the server gave to a session's connection."""
    result = session.connection.exec_driver_sql("SELECT CONNECTION_ID()")
    return int(result.scalar_one())


def connection_numbers(database: Database) -> set[int]:
    """Return the numbers of all connections to the server."""
    with database.read() as session:
        return set(session.connection.exec_driver_sql(_PROCESSES).scalars())
