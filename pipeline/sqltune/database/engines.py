"""Engines whose connections behave alike: the traps of the drivers are dealt with here."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, Engine, ExceptionContext, create_engine, event

from sqltune.database.errors import COMMIT_FAILED, NODE_NOT_READY, error_number, translate_errors
from sqltune.database.sockets import limit_silence, watch_peer
from sqltune.database.urls import EngineKind, connect_options, parse_url
from sqltune.errors import DatabaseError

#: Execution option of a connection that will not write: it asks for no write lock.
READS_ONLY = "sqltune_reads_only"
#: A server that cannot tell a transaction from an idle connection closes either after so long; the
#: pool makes a new one.
_IDLE_CONNECTION_SECONDS = 600


def make_engine(
    url_text: str, *, lock_wait_seconds: int, silence_seconds: float
) -> tuple[Engine, EngineKind]:
    """Make an engine; nothing is connected yet.

    Raises:
        ConfigError: the address cannot be used.
    """
    url, kind = parse_url(url_text)
    url, options = connect_options(url, kind, lock_wait_seconds=lock_wait_seconds)
    is_server = kind is not EngineKind.SQLITE
    with translate_errors():
        engine = create_engine(url, connect_args=options, pool_pre_ping=is_server)
    if is_server:
        needs_tls = any(name.startswith("ssl") for name in options)
        _prepare_server(engine, kind, lock_wait_seconds, needs_tls=needs_tls)
        _watch_network(engine, silence_seconds)
    else:
        _prepare_sqlite(engine)
    return engine, kind


def _prepare_sqlite(engine: Engine) -> None:
    """Readers and the one writer do not disturb each other; a writer asks for its lock at once."""

    @event.listens_for(engine, "connect")
    def connected(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        _use_write_ahead_log(connection)
        connection.execute("PRAGMA synchronous = NORMAL")

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        # A lock that is upgraded in the middle fails at once, whatever the timeout.
        only_reads = connection.get_execution_options().get(READS_ONLY)
        connection.exec_driver_sql("BEGIN" if only_reads else "BEGIN IMMEDIATE")


def _use_write_ahead_log(connection: Any) -> None:
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    if mode not in ("wal", "memory"):
        # Whoever holds the lock now makes the same change; a file that may only be read stays.
        with suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA journal_mode = WAL")


def _prepare_server(
    engine: Engine, kind: EngineKind, lock_wait_seconds: int, *, needs_tls: bool
) -> None:
    seconds = int(lock_wait_seconds)

    @event.listens_for(engine, "connect")
    def connected(connection: Any, _record: object) -> None:
        if needs_tls and not connection._secure:
            # https://github.com/singlestore-labs/singlestoredb-python goes on in clear text.
            raise DatabaseError("the database server offers no TLS, and the address has ssl_ca")
        if kind is EngineKind.MYSQL:
            _execute(
                connection,
                "SET SESSION time_zone = '+00:00'",
                "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
                f"SET SESSION innodb_lock_wait_timeout = {seconds}",
            )
        elif connection.get_autocommit():
            raise DatabaseError("the connection commits after each statement: remove autocommit")
        # Where the server has no such variable for a session, its global one holds.
        with suppress(engine.dialect.loaded_dbapi.Error):
            _execute(connection, f"SET SESSION lock_wait_timeout = {seconds}")
        _limit_idleness(connection, engine.dialect.loaded_dbapi.Error, 2 * seconds)
        # Galera: a SELECT waits until its node has what any node committed before. Without it a
        # plan could be made on rows that a run on another node has long changed.
        with suppress(engine.dialect.loaded_dbapi.Error):
            _execute(connection, "SET SESSION wsrep_sync_wait = 1")

    @event.listens_for(engine, "handle_error")
    def failed(context: ExceptionContext) -> None:
        # To clean up such a connection fails too, and SQLAlchemy writes that into the log.
        if error_number(context.original_exception) in (NODE_NOT_READY, COMMIT_FAILED):
            context.is_disconnect = True


def _watch_network(engine: Engine, silence_seconds: float) -> None:
    """Find out that a server is gone, or says nothing any more, though the connection stays."""

    @event.listens_for(engine, "connect", insert=True)
    def connected(connection: Any, _record: object) -> None:
        watch_peer(connection)
        limit_silence(connection, silence_seconds)


def _limit_idleness(connection: Any, refused: type[Exception], seconds: int) -> None:
    """Let the server drop a runner behind a network that went silent, with the locks it holds.

    MariaDB knows how long a transaction that wrote may say nothing; MySQL knows it of a connection
    only, and one that does nothing in the pool is to last.
    """
    try:
        _execute(connection, f"SET SESSION idle_write_transaction_timeout = {seconds}")
    except refused:
        with suppress(refused):
            _execute(connection, f"SET SESSION wait_timeout = {_IDLE_CONNECTION_SECONDS}")


def _execute(connection: Any, *statements: str) -> None:
    cursor = connection.cursor()
    try:
        for statement in statements:
            cursor.execute(statement)
    finally:
        cursor.close()
