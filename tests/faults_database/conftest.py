"""A run in this process over a database and a network that fail, and the rows it must end with."""

from __future__ import annotations

import gc
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from sqltune.database import migrations
from sqltune.database.clocks import utc_now
from sqltune.database.connection import Database
from sqltune.database.patience import PAUSES_SECONDS
from sqltune.errors import PipelineError
from sqltune.runtime import SilentReporter
from sqltune.settings import Settings
from sqltune.syncing.outcomes import Outcome
from sqltune.syncing.sync import sync
from sqltune.wiring import open_migrated_runtime
from tests.databases import copy_sqlite
from tests.faulty_network import FaultyNetwork, open_network
from tests.sql_server import SqlServer

Rows = dict[str, list[tuple[Any, ...]]]

#: What must not depend on the fault.
RESULTS = {
    "responses": "SELECT prompt_key, phase, response FROM responses ORDER BY 1, 2",
    "scores": "SELECT prompt_key, phase, scorer, score FROM scores ORDER BY 1, 2, 3",
    "steps": "SELECT step, tokens_seen FROM training_metrics ORDER BY 1",
    "version": "SELECT version_number, state, sample_count, artifact_sha256 FROM adapter_versions",
    "manifest": "SELECT position, content_hash FROM manifest_samples ORDER BY 1",
    "run": "SELECT state, steps_done, prompts_selected, responses_stored, is_stuck FROM runs",
    "alias": "SELECT alias, version_number FROM aliases",
    "moves": "SELECT alias, old_version, new_version FROM alias_history",
    "lease": "SELECT lease_owner FROM adapter_states",
}


@dataclass
class Office:
    """A database with one adapter, four samples and four prompts, and the sync of it."""

    database: Database
    folder: Path

    def fill(self) -> None:
        """Write what people write."""
        columns = "adapter_name, base_model, backend"
        self.do(f"INSERT INTO adapters ({columns}) VALUES ('o', 'toy', 'scripted')")
        for n in range(4):
            for table, column in (("training_samples", "response"), ("eval_prompts", "expected")):
                values = f"('o', 'q{n}', 'a{n}')"
                self.do(f"INSERT INTO {table} (dataset, prompt, {column}) VALUES {values}")
        script = {"steps_per_epoch": 2, "slots": 1}
        (self.folder / "script.json").write_text(json.dumps(script), encoding="utf-8")

    def do(self, statement: str) -> None:
        """Run one statement that writes."""
        with self.database.transaction() as session:
            session.connection.execute(text(statement))

    def value(self, query: str) -> Any:
        """Return the one value of a query."""
        with self.database.read() as session:
            return session.connection.execute(text(query)).scalar()

    def results(self) -> Rows:
        """Return the rows that must not depend on what went wrong."""
        with self.database.read() as session:
            return {
                name: [tuple(row) for row in session.connection.execute(text(query))]
                for name, query in RESULTS.items()
            }

    def sync(
        self,
        url: str,
        *,
        prepare: Callable[[Database], None] | None = None,
        pauses_seconds: Sequence[float] = PAUSES_SECONDS,
    ) -> list[Outcome]:
        """Sync over an address, in this process.

        Args:
            url: the address.
            prepare: gets the runner's database before.
            pauses_seconds: between two attempts.
        """
        settings = Settings(
            database_url=url,
            artifacts=self.folder / "artifacts",
            script=self.folder / "script.json",
            retry_wait_seconds=0.0,
        )
        with open_migrated_runtime(settings, SilentReporter()) as runtime:
            if prepare is not None:
                prepare(runtime.database)
            runtime = replace(runtime, pauses_seconds=pauses_seconds)
            return sync(runtime, [], force=False, stop=threading.Event())

    def sync_badly(self, url: str, **options: Any) -> None:
        """Sync over an address, to the end or to an error of ours."""
        with suppress(PipelineError):
            self.sync(url, **options)

    def expire_leases(self) -> None:
        """Let the time pass after which another runner may resume the run."""
        self.do("UPDATE adapter_states SET lease_until_ms = 0 WHERE lease_owner IS NOT NULL")


def _open_office(database: Database, folder: Path) -> Office:
    office = Office(database, folder)
    office.fill()
    return office


@pytest.fixture(autouse=True)
def nothing_lost() -> Iterator[None]:
    """Collect the connections that a test broke, before sources are parsed.

    In CPython 3.11 their finalizers end an ast.parse that is under way with a SystemError.
    """
    yield
    gc.collect()


@pytest.fixture
def mariadb_url(mariadb_server: SqlServer) -> Iterator[str]:
    """The address of a migrated database on MariaDB, without a network between."""
    mariadb_server.execute(
        "DROP DATABASE IF EXISTS faults",
        "CREATE DATABASE faults CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    )
    url = mariadb_server.url("mysql+pymysql", "faults")
    database = Database.open(url)
    migrations.apply(database, now=utc_now)
    database.close()
    yield url
    mariadb_server.execute("DROP DATABASE faults")


@pytest.fixture
def office(mariadb_url: str, tmp_path: Path) -> Iterator[Office]:
    """The office on MariaDB, never synced."""
    database = Database.open(mariadb_url)
    yield _open_office(database, tmp_path)
    database.close()


@pytest.fixture
def file_office(sqlite_template: Path, tmp_path: Path) -> Iterator[Office]:
    """The office on SQLite, never synced."""
    database = Database.open(copy_sqlite(sqlite_template, tmp_path))
    yield _open_office(database, tmp_path)
    database.close()


@pytest.fixture(scope="session")
def undisturbed(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Rows:
    """The results where nothing goes wrong; the same on every engine."""
    folder = tmp_path_factory.mktemp("undisturbed")
    url = copy_sqlite(sqlite_template, folder)
    office = _open_office(Database.open(url), folder)
    office.sync(url)
    rows = office.results()
    office.database.close()
    return rows


@pytest.fixture
def network(mariadb_server: SqlServer) -> Iterator[FaultyNetwork]:
    """A network to MariaDB, without faults so far."""
    with open_network(mariadb_server.port) as network:
        yield network


@pytest.fixture
def over_network(mariadb_server: SqlServer, mariadb_url: str, network: FaultyNetwork) -> str:
    """The address of the same database over that network."""
    return mariadb_url.replace(f":{mariadb_server.port}/", f":{network.port}/")
