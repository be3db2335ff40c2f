"""Fixtures for all tests: a clean environment, and a fresh database on every engine.

A test that takes `database`, `database_url` or `empty_database_url` runs once per engine. Tests
that need what few machines have (a GPU, docker, MySQL, Chromium, a SingleStore server) run only
when -m names their marker.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from sqltune.database.connection import Database
from tests import chromium
from tests import mariadb_server as mariadb
from tests import mysql_server as mysql
from tests.clients import Client, run_sql_client, run_sqlite
from tests.databases import (
    ServerDatabases,
    copy_sqlite,
    make_sqlite_template,
    real_singlestore,
)
from tests.docker import engine as docker
from tests.engines import ENGINES, SERVER_FIXTURES, driver_of
from tests.singlestore_on_mariadb import open_database
from tests.sql_server import SqlServer

#: Read before each test gets its clean environment.
SINGLESTORE_URL = os.environ.get("SQLTUNE_TEST_SINGLESTORE_URL")
ON_DEMAND = ("gpu", "docker", "mysql", "singlestore", "races", "cluster", "bi")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option of `make ci`."""
    parser.addoption(
        "--where-available",
        action="store_true",
        help="skip the tests on MySQL, in Chromium and in Docker where these cannot be had",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs special machines, unless -m names its marker."""
    unnamed = [marker for marker in ON_DEMAND if marker not in config.option.markexpr]
    left_out = [item for item in items if any(map(item.get_closest_marker, unnamed))]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]
    if config.option.where_available:
        _skip_what_is_missing(items)


def _skip_what_is_missing(items: list[pytest.Item]) -> None:
    explanations = {
        "mysql": mysql.explain_missing,
        "docker": docker.explain_missing,
        "bi": chromium.explain_missing,
    }
    for marker, explain in explanations.items():
        marked = [item for item in items if item.get_closest_marker(marker)]
        if marked and (reason := explain()) is not None:
            for item in marked:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start each test without settings of the person who runs it."""
    for name in list(os.environ):
        if name.startswith(("SQLTUNE_", "SINGLESTOREDB_", "GRADIENT_")):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def _mariadb_template() -> Iterator[None]:
    """Remove what the MariaDB servers of this session were copied from."""
    yield
    mariadb.remove_template()


@pytest.fixture(scope="session")
def mariadb_server(_mariadb_template: None) -> Iterator[SqlServer]:
    """Return the private MariaDB of this test session, started when the first test asks for it."""
    with mariadb.start_server() as server:
        yield server


@pytest.fixture(scope="session")
def singlestore_player(_mariadb_template: None) -> Iterator[SqlServer]:
    """Return a private MariaDB that says it is SingleStore, for the singlestoredb driver."""
    with mariadb.start_server(mariadb.AS_SINGLESTORE) as server:
        yield server


@pytest.fixture(scope="session")
def mysql_server() -> Iterator[SqlServer]:
    """Return the private MySQL of this test session."""
    with mysql.start_mysql() as server:
        yield server
    mysql.remove_template()


@pytest.fixture(params=ENGINES)
def database_engine(request: pytest.FixtureRequest) -> str:
    """Name the engine and the driver that the test runs on."""
    return str(request.param)


@pytest.fixture
def sql_server(database_engine: str, request: pytest.FixtureRequest) -> SqlServer:
    """Return the private server of the test's engine."""
    server: SqlServer = request.getfixturevalue(SERVER_FIXTURES[database_engine])
    return server


@pytest.fixture(scope="session")
def server_databases(
    request: pytest.FixtureRequest,
) -> Callable[[str], ServerDatabases]:
    """Return the databases of a server by engine and driver, made once per session."""
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
    server: SqlServer = request.getfixturevalue(SERVER_FIXTURES[engine])
    driver = driver_of(engine)
    return ServerDatabases(
        lambda name: server.url(driver, name), server.execute, open_database, "test"
    )


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a migrated SQLite database to copy from."""
    return make_sqlite_template(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture
def database_url(
    database_engine: str,
    server_databases: Callable[[str], ServerDatabases],
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> Iterator[str]:
    """Return the address of a migrated database without rows."""
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
    """Return the address of a database in which `init` has not run."""
    if database_engine == "sqlite":
        yield f"sqlite:///{tmp_path}/empty.db"
        return
    databases = server_databases(database_engine)
    name = databases.make_empty()
    yield databases.address(name)
    databases.give_back(name)


@pytest.fixture
def open_url(database_engine: str) -> Iterator[Callable[..., Database]]:
    """Return what opens an address of the test's engine; all are closed at the end."""
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
    """Return an open, migrated database without rows."""
    return open_url(database_url)


@pytest.fixture
def own_client(database_engine: str, request: pytest.FixtureRequest) -> Client:
    """Return what runs a script with the engine's own client: `sqlite3`, `mariadb` or `mysql`."""
    if database_engine == "sqlite":
        return run_sqlite
    if database_engine == "singlestore":
        pytest.skip("its own client is not on this machine")
    return partial(run_sql_client, request.getfixturevalue(SERVER_FIXTURES[database_engine]))
