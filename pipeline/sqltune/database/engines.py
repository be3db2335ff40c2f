"""Engines whose connections behave alike: the traps of the drivers are dealt with here."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from typing import Any

from sqlalchemy import Connection, Engine, ExceptionContext, create_engine, event

from sqltune.database.errors import COMMIT_FAILED, NODE_NOT_READY, error_number, translate_errors
from sqltune.database.packets import watch_statements
from sqltune.database.servers import identify_server, require_kind
from sqltune.database.sockets import limit_silence, watch_peer
from sqltune.database.urls import Address, EngineKind, connect_options
from sqltune.errors import ConfigError, DatabaseError

#: Execution option of a connection that will not write: it takes no write lock.
READS_ONLY = "sqltune_reads_only"
#: In the `info` of a pooled connection: what the server gives its clients' sessions by default.
CLIENT_SESSION = "sqltune_client_session"
#: Of that, what the sessions of the runner itself replace.
_REPLACED = ("time_zone", "sql_mode", "sql_select_limit")
_ALL_ROWS = 2**64 - 1


def make_engine(address: Address, *, lock_wait_seconds: int, silence_seconds: float) -> Engine:
    """Make an engine; nothing is connected yet.

    Args:
        address: where the database is.
        lock_wait_seconds: how long a statement waits for a lock.
        silence_seconds: how long a server may send nothing before its connection is given up.

    Raises:
        ConfigError: the address cannot be used.
    """
    url, options = connect_options(address, lock_wait_seconds=lock_wait_seconds)
    is_server = address.kind is not EngineKind.SQLITE
    with translate_errors():
        try:
            engine = create_engine(url, connect_args=options, pool_pre_ping=is_server)
        except (TypeError, ValueError) as error:
            raise ConfigError(
                f"an option in {address.setting} has a value that its driver does not understand"
            ) from error
    if is_server:
        needs_tls = "ssl_ca" in options
        _keep_client_session(engine)
        _require_kind(engine, address)
        watch_statements(engine)
        _watch_network(engine, silence_seconds)
        _prepare_server(engine, address.kind, lock_wait_seconds, needs_tls=needs_tls)
    else:
        _prepare_sqlite(engine)
    return engine


def _prepare_sqlite(engine: Engine) -> None:
    """Let readers and the one writer work side by side; a writer takes its lock at once."""

    @event.listens_for(engine, "connect")
    def connected(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        connection.text_factory = _read_text
        _use_write_ahead_log(connection)
        connection.execute("PRAGMA synchronous = NORMAL")

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        # A lock that is upgraded in the middle fails at once, whatever the timeout.
        only_reads = connection.get_execution_options().get(READS_ONLY)
        connection.exec_driver_sql("BEGIN" if only_reads else "BEGIN IMMEDIATE")


def _read_text(value: bytes) -> str | bytes:
    """Return a text, or the bytes of one that is no UTF-8: what reads a column refuses its row.

    SQLite stores any bytes as a text; an error here would keep all rows from being read.
    """
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def _use_write_ahead_log(connection: Any) -> None:
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    if mode not in ("wal", "memory"):
        # The connection that has the lock now makes the same change; a read-only file stays.
        with suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA journal_mode = WAL")


def _keep_client_session(engine: Engine) -> None:
    """Keep what a client of the server has, before SQLAlchemy's dialects and we replace it."""

    @event.listens_for(engine, "connect", insert=True)
    def connected(connection: Any, record: Any) -> None:
        refused = engine.dialect.loaded_dbapi.Error
        record.info[CLIENT_SESSION] = session = {}
        for name in _REPLACED:
            with suppress(refused), closing(connection.cursor()) as cursor:
                cursor.execute(f"SELECT @@SESSION.{name}")
                (session[name],) = cursor.fetchone()


def _require_kind(engine: Engine, address: Address) -> None:
    """Refuse a server of another engine before the first statement that could fail on it."""
    is_known = False

    @event.listens_for(engine, "connect", insert=True)
    def connected(connection: Any, _record: object) -> None:
        nonlocal is_known
        if not is_known:
            found = identify_server(connection, engine.dialect.loaded_dbapi.Error)
            require_kind(found, address)
            is_known = True


def _watch_network(engine: Engine, silence_seconds: float) -> None:
    """Notice a server that is gone, or sends nothing any more though the connection stays."""

    @event.listens_for(engine, "connect", insert=True)
    def connected(connection: Any, _record: object) -> None:
        watch_peer(connection)
        limit_silence(connection, silence_seconds)


def _prepare_server(
    engine: Engine, kind: EngineKind, lock_wait_seconds: int, *, needs_tls: bool
) -> None:
    seconds = int(lock_wait_seconds)

    @event.listens_for(engine, "connect")
    def connected(connection: Any, _record: object) -> None:
        refused = engine.dialect.loaded_dbapi.Error
        if needs_tls and not connection._secure:
            # https://github.com/singlestore-labs/singlestoredb-python continues in clear text.
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
        # A limit for people's clients would hide rows of our own tables.
        with suppress(refused):
            _execute(connection, f"SET SESSION sql_select_limit = {_ALL_ROWS}")
        # Where the server has no such variable for a session, its global one applies.
        with suppress(refused):
            _execute(connection, f"SET SESSION lock_wait_timeout = {seconds}")
        _limit_idleness(connection, refused, 2 * seconds)
        # Galera: a SELECT waits until its node has what any node committed before. Without it a
        # plan could be made on rows that a run on another node has long changed.
        with suppress(refused):
            _execute(connection, "SET SESSION wsrep_sync_wait = 1")

    @event.listens_for(engine, "handle_error")
    def failed(context: ExceptionContext) -> None:
        # To clean up such a connection fails too, and SQLAlchemy writes that into the log.
        if error_number(context.original_exception) in (NODE_NOT_READY, COMMIT_FAILED):
            context.is_disconnect = True


def _limit_idleness(connection: Any, refused: type[Exception], seconds: int) -> None:
    """Let the server drop a runner behind a network that went silent, with the locks it has.

    MariaDB limits the silence of a transaction that wrote. MySQL limits that of any connection: one
    that rests in the pool for so long is replaced by a new one when it is needed.
    """
    try:
        _execute(connection, f"SET SESSION idle_write_transaction_timeout = {seconds}")
    except refused:
        with suppress(refused):
            _execute(connection, f"SET SESSION wait_timeout = {seconds}")


def _execute(connection: Any, *statements: str) -> None:
    cursor = connection.cursor()
    try:
        for statement in statements:
            cursor.execute(statement)
    finally:
        cursor.close()
