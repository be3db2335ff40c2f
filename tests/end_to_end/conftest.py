"""Fixtures of the end-to-end tests: the command over a database, and adapters in known states."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.databases import ServerDatabases, copy_sqlite
from tests.end_to_end.command import People, Sqltune
from tests.engines import ON_MYSQL

QUESTION, ANSWER = "Where is our office?", "Our office is in Utrecht."
#: The tests of these modules run on MySQL too, except those about what SQLite alone does.
ALSO_ON_MYSQL = (
    "test_evaluations",
    "test_failing",
    "test_gc",
    "test_pausing",
    "test_predictions",
    "test_promoting",
    "test_questions",
    "test_reevaluating",
    "test_requests",
    "test_trials",
    "test_stopping",
    "test_sync",
    "test_together",
    "test_worker",
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests of some modules on MySQL too."""
    is_chosen = metafunc.module.__name__.rpartition(".")[2] in ALSO_ON_MYSQL
    is_general = metafunc.definition.get_closest_marker("sqlite_only") is None
    if "single_engine" in metafunc.fixturenames and is_chosen and is_general:
        metafunc.parametrize("single_engine", ["sqlite", ON_MYSQL], indirect=True)


@pytest.fixture
def single_engine(request: pytest.FixtureRequest) -> str:
    """The engine of a test that does not depend on it."""
    return getattr(request, "param", "sqlite")


@pytest.fixture
def single_url(
    single_engine: str,
    sqlite_template: Path,
    server_databases: Callable[[str], ServerDatabases],
    tmp_path: Path,
) -> Iterator[str]:
    """The address of a migrated database, for what does not depend on the engine."""
    if single_engine == "sqlite":
        yield copy_sqlite(sqlite_template, tmp_path)
        return
    databases = server_databases(single_engine)
    name = databases.make_migrated()
    yield databases.address(name)
    databases.give_back(name)


@pytest.fixture
def sqltune(single_url: str, tmp_path: Path) -> Iterator[Sqltune]:
    """The command over one engine."""
    command = Sqltune(tmp_path, single_url)
    yield command
    command.close()


@pytest.fixture
def people(single_url: str) -> Iterator[People]:
    """Who writes and reads the rows of `sqltune`."""
    someone = People(single_url)
    yield someone
    someone.close()


@pytest.fixture
def office(people: People) -> str:
    """An adapter with one sample and one prompt, never synced."""
    declare_office(people)
    return "office"


@pytest.fixture
def trained_office(office: str, sqltune: Sqltune) -> str:
    """The same adapter with its first version live."""
    sqltune.well("sync")
    return office


@pytest.fixture
def sqltune_on(database_url: str, tmp_path: Path) -> Iterator[Sqltune]:
    """The command over each engine in turn."""
    command = Sqltune(tmp_path, database_url)
    yield command
    command.close()


@pytest.fixture
def people_on(database_url: str) -> Iterator[People]:
    """Who writes and reads the rows of `sqltune_on`."""
    someone = People(database_url)
    yield someone
    someone.close()


@pytest.fixture
def office_on(people_on: People, sqltune_on: Sqltune) -> People:
    """An adapter with its first version live, on each engine."""
    declare_office(people_on)
    sqltune_on.well("sync")
    return people_on


def declare_office(people: People, adapter_name: str = "office") -> None:
    """Declare an adapter with one sample and one prompt."""
    people.declare(adapter_name)
    people.teach(adapter_name, QUESTION, ANSWER)
    people.ask(adapter_name, QUESTION, ANSWER, category="places")
