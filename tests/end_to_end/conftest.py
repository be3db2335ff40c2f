"""Fixtures of the end-to-end tests: the command over a database, and adapters in known states."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import copy_sqlite
from tests.end_to_end.command import People, Sqltune

QUESTION, ANSWER = "Where is our office?", "Our office is in Utrecht."


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """The address of a migrated SQLite database, for what does not depend on the engine."""
    return copy_sqlite(sqlite_template, tmp_path)


@pytest.fixture
def sqltune(sqlite_url: str, tmp_path: Path) -> Iterator[Sqltune]:
    """The command over SQLite."""
    command = Sqltune(tmp_path, sqlite_url)
    yield command
    command.close()


@pytest.fixture
def people(sqlite_url: str) -> Iterator[People]:
    """Who writes and reads the rows of `sqltune`."""
    someone = People(sqlite_url)
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


def declare_office(people: People, adapter_name: str = "office") -> None:
    """Declare an adapter with one sample and one prompt."""
    people.declare(adapter_name)
    people.teach(adapter_name, QUESTION, ANSWER)
    people.ask(adapter_name, QUESTION, ANSWER, category="places")
