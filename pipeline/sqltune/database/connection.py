"""Connections, transactions and sessions over SQLAlchemy; the drivers' traps are dealt with here.

Each piece of work is a short transaction of its own. With a claim it is fenced: its first statement
updates the adapter's lease row, which fails when another runner has taken the lease, and locks it
until COMMIT.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from sqlalchemy import (
    BindParameter,
    Connection,
    CursorResult,
    Engine,
    Row,
    TextClause,
    bindparam,
    text,
)

from sqltune.database.engines import READS_ONLY, make_engine
from sqltune.database.errors import translate_errors
from sqltune.database.queries import load_statements
from sqltune.database.urls import EngineKind, parse_address
from sqltune.errors import LeaseLost
from sqltune.records import Claim

__all__ = ["Database", "EngineKind", "Row", "Session", "prepare_statement"]

#: How long a statement waits for a lock of another transaction.
_LOCK_WAIT_SECONDS = 30
#: The value of `column IN :values`, with as many as the caller gives.
_LIST = re.compile(r"\bIN :(\w+)")
#: Longer than any statement of ours, a migration of a large table included.
_SILENCE_SECONDS = 600.0


class Session:
    """Named statements on one connection, inside one transaction."""

    def __init__(self, connection: Connection, statements: Mapping[str, TextClause]) -> None:
        """Run on `connection`; its maker ends the transaction."""
        self.connection = connection
        self._statements = statements

    def execute(self, name: str, /, **values: object) -> int:
        """Run a statement and return the number of rows that it matched."""
        return int(self._run(name, values).rowcount)

    def execute_many(self, name: str, rows: Sequence[Mapping[str, object]]) -> None:
        """Run a statement once per row, in as few round trips as the driver can."""
        if not rows:
            return
        with translate_errors():
            self.connection.execute(self._statements[name], list(rows))

    def insert(self, name: str, /, **values: object) -> int:
        """Run an INSERT and return the id that the database made."""
        return int(self._run(name, values).lastrowid or 0)

    def fetch_all(self, name: str, /, **values: object) -> list[Row[Any]]:
        """Run a SELECT and return all rows, with attributes by column name."""
        with translate_errors():
            return list(self._run(name, values).fetchall())

    def fetch_one(self, name: str, /, **values: object) -> Row[Any] | None:
        """Run a SELECT and return its first row, None when there is none."""
        with translate_errors():
            return self._run(name, values).first()

    def run_script(self, statement: str) -> None:
        """Run a statement of a file as it is, without values: a per cent sign is just that."""
        with translate_errors():
            self.connection.exec_driver_sql(statement, execution_options={"no_parameters": True})

    def _run(self, name: str, values: Mapping[str, object]) -> CursorResult[Any]:
        with translate_errors():
            return self.connection.execute(self._statements[name], dict(values))


class Database:
    """One database, with a pool of connections for short transactions."""

    def __init__(self, engine: Engine, kind: EngineKind) -> None:
        """Use an engine that `open` made."""
        self.engine = engine
        self.kind = kind
        self._statements = {n: prepare_statement(s) for n, s in load_statements(kind.value).items()}

    def __repr__(self) -> str:
        return f"Database({self.address})"

    @classmethod
    def open(
        cls,
        url: str,
        *,
        setting: str = "the database URL",
        reads_only: bool = False,
        lock_wait_seconds: int = _LOCK_WAIT_SECONDS,
        silence_seconds: float = _SILENCE_SECONDS,
        prepare_engine: Callable[[Engine], None] | None = None,
    ) -> Self:
        """Make a database of an address; nothing is connected yet.

        Args:
            url: for instance sqlite:///sqltune.db, mysql+pymysql://..., singlestoredb://...
            setting: what messages call the address.
            reads_only: whether only queries of adapters run there.
            lock_wait_seconds: how long a statement waits for a lock.
            silence_seconds: how long a server may send nothing before its connection is given up.
            prepare_engine: called with the new engine before its first connection.

        Raises:
            ConfigError: the address cannot be used.
        """
        address = parse_address(url, setting=setting, reads_only=reads_only)
        engine = make_engine(
            address, lock_wait_seconds=lock_wait_seconds, silence_seconds=silence_seconds
        )
        if prepare_engine is not None:
            prepare_engine(engine)
        return cls(engine, address.kind)

    @property
    def address(self) -> str:
        """The address without its password."""
        return self.engine.url.render_as_string(hide_password=True)

    @property
    def is_missing(self) -> bool:
        """Whether it is a SQLite file that does not exist; to connect would create it."""
        path = self.engine.url.database
        if self.kind is not EngineKind.SQLITE or not path or path == ":memory:":
            return False
        return "uri" not in self.engine.url.query and not Path(path).exists()

    @contextmanager
    def transaction(self, claim: Claim | None = None) -> Iterator[Session]:
        """Yield a session that is committed at the end of the block, and rolled back on an error.

        Raises:
            LeaseLost: another runner has taken the lease of `claim`.
            DatabaseUnavailable: no connection, or a lock that was not released in time.
        """
        with translate_errors(), self.engine.connect() as connection, connection.begin():
            session = Session(connection, self._statements)
            if claim is not None:
                _fence_lease(session, claim)
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Yield a session for a short read; nothing is written."""
        with translate_errors(), self.engine.connect() as connection:
            reading = connection.execution_options(**{READS_ONLY: True})
            yield Session(reading, self._statements)

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def prepare_statement(statement: str) -> TextClause:
    """Return a named statement as SQLAlchemy runs it: a value after IN is a list."""
    lists: list[BindParameter[Any]] = [
        bindparam(name, expanding=True) for name in _LIST.findall(statement)
    ]
    return text(statement).bindparams(*lists)


def _fence_lease(session: Session, claim: Claim) -> None:
    matched = session.execute(
        "fence_lease",
        adapter_name=claim.adapter_name,
        owner=claim.owner,
        attempt=claim.attempt,
    )
    if matched != 1:
        raise LeaseLost(f"another runner took over {claim.adapter_name!r}")
