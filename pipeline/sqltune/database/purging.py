"""Removes deleted texts from the free pages of a SQLite file and from its write-ahead log.

Servers reuse the space of deleted rows on their own; what their logs and backups keep is theirs.
"""

from __future__ import annotations

from sqltune.database.connection import Database, EngineKind
from sqltune.database.errors import translate_errors
from sqltune.errors import DatabaseUnavailable


def purge_deleted(database: Database) -> None:
    """Rewrite a SQLite file without what was deleted, and empty its write-ahead log.

    Raises:
        DatabaseUnavailable: another process reads or writes the file.
    """
    if database.kind is not EngineKind.SQLITE:
        return
    # Pooled connections may keep an old snapshot, which the log could not be emptied past.
    database.engine.dispose()
    with translate_errors(), database.engine.connect() as pooled:
        driver = pooled.connection.driver_connection
        assert driver is not None  # noqa: S101  it has just been connected
        driver.execute("VACUUM")
        (is_busy, *_) = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if is_busy:
        raise DatabaseUnavailable(
            "another process reads the database, so that deleted texts are still in its "
            "write-ahead log: end it, and repeat the command"
        )
