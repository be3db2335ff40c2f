"""Fixtures for all tests: a clean environment, and a fresh database on every engine.

A test that takes `database`, `database_url` or `empty_database_url` runs once per engine. Tests
that need what few machines have (a GPU, docker, a SingleStore server) run only when -m asks for
them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from sqltune.database.connection import Database
from tests.clients import Client, run_mariadb, run_sqlite
from tests.databases import (
    SERVERS,
    ServerDatabases,
    copy_sqlite,
    make_sqlite_template,
    real_singlestore,
)
from tests.mariadb_server import MariadbServer, remove_template, start_server
from tests.singlestore_on_mariadb import open_database

#: Read before each test gets its clean environment.
SINGLESTORE_URL = os.environ.get("SQLTUNE_TEST_SINGLESTORE_URL")
ON_DEMAND = ("gpu", "docker", "singlestore", "races", "cluster")
ENGINES = ["sqlite", *SERVERS]
_DRIVERS = {"mariadb-pymysql": "mysql+pymysql", "mariadb-singlestoredb": "singlestoredb"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs special machines, unless markers were asked for."""
    if config.option.markexpr:
        return
    left_out = [item for item in items if any(item.get_closest_marker(m) for m in ON_DEMAND)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start each test without settings of the person who runs it."""
    for name in list(os.environ):
        if name.startswith(("SQLTUNE_", "SINGLESTOREDB_", "GRADIENT_")):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[MariadbServer]:
    """Give the private MariaDB of this test session, started when the first test asks for it."""
    with start_server() as server:
        yield server
    remove_template()


@pytest.fixture(params=ENGINES)
def database_engine(request: pytest.FixtureRequest) -> str:
    """Name the engine and the driver that the test runs on."""
    return str(request.param)


@pytest.fixture(scope="session")
def server_databases(
    request: pytest.FixtureRequest,
) -> Callable[[str], ServerDatabases]:
    """Give the databases of a server by engine and driver, made once per session."""
    known: dict[str, ServerDatabases] = {}

    def find(engine: str) -> ServerDatabases:
        if engine not in known:
            known[engine] = _server_databases(engine, request)
        return known[engine]

    return find


def _server_databases(engine: str, request: pytest.FixtureRequest) -> ServerDatabases:
    if engine == "singlestore":
        if SINGLESTORE_URL is None:
            pytest.fail("SQLTUNE_TEST_SINGLESTORE_URL has to name a SingleStore server")
        return real_singlestore(SINGLESTORE_URL)
    server: MariadbServer = request.getfixturevalue("mariadb_server")
    driver = _DRIVERS[engine]
    prefix = f"test_{driver.partition('+')[2] or driver}"
    return ServerDatabases(
        lambda name: server.url(driver, name), server.execute, open_database, prefix
    )


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a migrated SQLite database to copy from."""
    return make_sqlite_template(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture
def database_url(
    database_engine: str,
    server_databases: Callable[[str], ServerDatabases],
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> Iterator[str]:
    """Give the address of a migrated database without rows."""
    if database_engine == "sqlite":
        yield copy_sqlite(request.getfixturevalue("sqlite_template"), tmp_path)
        return
    databases = server_databases(database_engine)
    name = databases.make_migrated()
    yield databases.address(name)
    databases.give_back(name)


@pytest.fixture
def empty_database_url(
    database_engine: str,
    server_databases: Callable[[str], ServerDatabases],
    tmp_path: Path,
) -> Iterator[str]:
    """Give the address of a database in which `init` has not run."""
    if database_engine == "sqlite":
        yield f"sqlite:///{tmp_path}/empty.db"
        return
    databases = server_databases(database_engine)
    name = databases.make_empty()
    yield databases.address(name)
    databases.give_back(name)


@pytest.fixture
def open_url(database_engine: str) -> Iterator[Callable[..., Database]]:
    """Give what opens an address of the test's engine; all are closed at the end."""
    opened: list[Database] = []

    def open_it(url: str, **options: int) -> Database:
        opener = Database.open if database_engine == "singlestore" else open_database
        opened.append(opener(url, **options))
        return opened[-1]

    yield open_it
    for database in opened:
        database.close()


@pytest.fixture
def database(database_url: str, open_url: Callable[..., Database]) -> Database:
    """Give an open, migrated database without rows."""
    return open_url(database_url)


@pytest.fixture
def own_client(database_engine: str, request: pytest.FixtureRequest) -> Client:
    """Give what runs a script with the engine's own client: `sqlite3` or `mariadb`."""
    if database_engine == "sqlite":
        return run_sqlite
    if database_engine == "singlestore":
        pytest.skip("its own client is not on this machine")
    return partial(run_mariadb, request.getfixturevalue("mariadb_server"))
