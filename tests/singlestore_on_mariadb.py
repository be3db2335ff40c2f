"""Lets the singlestoredb driver and dialect, and SingleStore's own SQL files, run on MariaDB.

The server must say in VERSION() that it is SingleStore (`mariadb_server.AS_SINGLESTORE`): sqltune
refuses the driver on any other server, and the dialect takes the paths that it takes there. DDL is
translated where MariaDB names things differently: a shard key becomes a partition key, and MariaDB
demands by the same rule that every unique key contains it (error 1503).
"""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import Engine, event

from sqltune.database.connection import Database

_SHARD_KEY = re.compile(r",\s*SHARD KEY \((?P<columns>[^)]*)\)")
_SORT_KEY = re.compile(r",\s*SORT KEY \([^)]*\)")


def open_database(url: str, **options: Any) -> Database:
    """Open a database of the tests; the singlestoredb driver is prepared for MariaDB."""
    prepare = imitate_singlestore if url.startswith("singlestoredb://") else None
    return Database.open(url, prepare_engine=prepare, **options)


def imitate_singlestore(engine: Engine) -> None:
    """Make an engine of the singlestoredb dialect behave on MariaDB as on SingleStore."""

    @event.listens_for(engine, "connect")
    def connected(connection: Any, _record: object) -> None:
        # SingleStore's one limit for locks is two on MariaDB, and rows go by this one.
        cursor = connection.cursor()
        cursor.execute("SET SESSION innodb_lock_wait_timeout = @@SESSION.lock_wait_timeout")
        cursor.close()

    @event.listens_for(engine, "before_cursor_execute", retval=True)
    def translate(
        _connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool
    ) -> tuple[str, Any]:
        return translate_ddl(statement), parameters


def translate_ddl(statement: str) -> str:
    """Translate SingleStore's CREATE TABLE for MariaDB; any other statement stays."""
    if not statement.lstrip().startswith(("CREATE TABLE", "CREATE ROWSTORE TABLE")):
        return statement
    shard_key = _SHARD_KEY.search(statement)
    statement = _SORT_KEY.sub("", _SHARD_KEY.sub("", statement)).replace(" ROWSTORE", "", 1)
    if shard_key is None:
        return statement
    return f"{statement}\nPARTITION BY KEY ({shard_key['columns']}) PARTITIONS 2"
