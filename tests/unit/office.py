"""An adapter over SQLite with the scripted backend, synced in this process."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import text

from sqltune.database.tables.states import claim_adapter
from sqltune.runtime import Runtime, SilentReporter
from sqltune.settings import Settings
from sqltune.syncing.lease import AdapterLease, lease_adapter
from sqltune.syncing.outcomes import Outcome
from sqltune.syncing.sync import sync
from sqltune.wiring import open_migrated_runtime

ADAPTER = (
    "INSERT INTO adapters (adapter_name, base_model, backend) VALUES ('office', 'toy', 'scripted')"
)
ATTIC = ADAPTER.replace("'office'", "'attic'")
SAMPLE = (
    "INSERT INTO training_samples (dataset, prompt, response)"
    " VALUES ('office', 'Where is our office?', 'In Utrecht.')"
)
PROMPT = (
    "INSERT INTO eval_prompts (dataset, prompt, expected)"
    " VALUES ('office', 'Where is our office?', 'In Utrecht.')"
)


class Office:
    """The rows of one adapter called office, and the parts that a runner works with."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    def do(self, *statements: str) -> None:
        """Run statements that write, in one transaction."""
        with self.runtime.database.transaction() as session:
            for statement in statements:
                session.connection.execute(text(statement))

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with self.runtime.database.read() as session:
            return [tuple(row) for row in session.connection.execute(text(query))]

    def sync(self, *names: str, force: bool = False) -> list[Outcome]:
        """Sync once."""
        return sync(self.runtime, names, force=force, stop=threading.Event())

    @contextmanager
    def lease(self) -> Iterator[AdapterLease]:
        """Own the adapter's lease while the block runs."""
        with lease_adapter(self.runtime, "office", threading.Event()) as lease:
            assert lease is not None, "another runner has the adapter"
            yield lease


@contextmanager
def open_office(url: str, folder: Path, statements: Sequence[str]) -> Iterator[Office]:
    """Open a migrated database in which these statements are run first."""
    settings = Settings(
        database_url=url, artifacts=folder, poll_seconds=0.01, retry_wait_seconds=0.0
    )
    with open_migrated_runtime(settings, SilentReporter()) as runtime:
        office = Office(runtime)
        office.do(*statements)
        yield office


def states(office: Office) -> list[tuple[Any, ...]]:
    """Return id, state and error code of every run."""
    return office.rows("SELECT run_id, state, error_code FROM runs ORDER BY run_id")


def die(office: Office, times: int, adapter_name: str = "office") -> None:
    """Leave the lease as runners do that are killed, one after the other."""
    for number in range(times):
        claim = claim_adapter(
            office.runtime.database,
            adapter_name,
            owner=f"dead-{adapter_name}-{number}",
            lease_seconds=60,
            now=office.runtime.now(),
        )
        assert claim is not None
        assert claim.crash_count == number
        office.do("UPDATE adapter_states SET lease_until_ms = 0")


def crashes(office: Office) -> int:
    """Return how many runners died in a row with the only adapter."""
    ((count,),) = office.rows("SELECT crash_count FROM adapter_states")
    return int(count)
