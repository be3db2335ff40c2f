"""Fixtures of the fault-injection suite, and what it says at its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from tests.databases import ServerDatabases, copy_sqlite
from tests.end_to_end.command import People
from tests.faults.points import COMMITS, count_points
from tests.faults.stages import ServerStage, SqliteStage, Stage
from tests.faults.worlds import FEW_CERTIFICATES, Nursery, World
from tests.serving import SLUG, ServerAtWork, start_server
from tests.singlestore_on_mariadb import open_database

KILLS = "kills"
#: Of the number that the server draws for an adapter's seed.
_SEED_BITS = 31


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """The process that forks commands."""
    process = Nursery()
    yield process
    process.close()


@pytest.fixture(scope="session")
def torch_nursery() -> Iterator[Nursery]:
    """The same with torch imported, which no process may have used that forks."""
    process = Nursery("torch", "transformers", "peft", "sqltune.backends.local.training")
    yield process
    process.close()


@pytest.fixture(scope="session")
def service_nursery() -> Iterator[Nursery]:
    """The same with the client of a service imported."""
    process = Nursery("httpx", "sqltune.backends.gradient.backend")
    yield process
    process.close()


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny base model of random weights."""
    # Imported here: whoever only names the fixture does not need torch.
    from tests.local_lora.tiny_models import CORPUS, llama_config, save_tiny_model, train_tokenizer

    folder = tmp_path_factory.mktemp("models") / "tiny-llama"
    tokenizer = train_tokenizer(CORPUS)
    save_tiny_model(llama_config(len(tokenizer)), tokenizer, folder)
    return folder


@pytest.fixture(params=["sqlite", "mariadb-pymysql"])
def stage(
    request: pytest.FixtureRequest,
    sqlite_template: Path,
    server_databases: Callable[[str], ServerDatabases],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Stage]:
    """A migrated database without rows, on each engine in turn, and a folder."""
    if request.param == "sqlite":
        yield SqliteStage(sqlite_template, tmp_path / "stage")
        return
    for name, value in FEW_CERTIFICATES.items():
        monkeypatch.setenv(name, value)
    databases = server_databases(request.param)
    name = databases.make_migrated()
    stage = ServerStage(databases.address(name), tmp_path / "stage")
    yield stage
    stage.close()
    databases.give_back(name)


@pytest.fixture
def world(stage: Stage, nursery: Nursery) -> World:
    """The command on a stage."""
    return World(stage, nursery)


@pytest.fixture
def local_world(stage: Stage, torch_nursery: Nursery, tiny_model: Path) -> World:
    """The command with the backend `local`, and a tiny base model."""
    folders = {"SQLTUNE_BASE_MODEL_FOLDERS": str(tiny_model.parent), "SQLTUNE_THREADS": "1"}
    world = World(stage, torch_nursery, HF_HUB_OFFLINE="1", **folders)
    with world.people() as people:
        declare_tiny(people, tiny_model)
    return world


class OneSeed(Random):
    """Gives all adapters of a server one seed, so that equal trainings end with equal weights."""

    def getrandbits(self, bits: int, /) -> int:
        return 7 if bits == _SEED_BITS else super().getrandbits(bits)


@pytest.fixture(scope="session")
def service(
    tiny_model: Path, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerAtWork]:
    """The local server over the tiny base model, with a database of its own."""
    folder = tmp_path_factory.mktemp("service")
    database = open_database(copy_sqlite(sqlite_template, folder))
    models = {SLUG: str(tiny_model)}
    with start_server(database, folder / "artifacts", models, rng=OneSeed(0)) as server:
        yield server
    database.close()


@pytest.fixture
def service_world(stage: Stage, service_nursery: Nursery, service: ServerAtWork) -> World:
    """The command with an account at the service, which is asked one prompt at a time."""
    account = {
        "GRADIENT_API_URL": service.base_url,
        "GRADIENT_ACCESS_TOKEN": service.token,
        "GRADIENT_WORKSPACE_ID": service.workspace,
    }
    world = World(stage, service_nursery, SQLTUNE_GRADIENT_SLOTS="1", **account)
    with world.people() as people:
        people.declare(
            "served", backend="gradient", base_model=SLUG, batch_size=2, max_new_tokens=4
        )
        add_rooms(people, "served")
    return world


def declare_tiny(people: People, model: Path) -> None:
    """An adapter with four samples, two steps an epoch, two epochs, and rehearsal."""
    people.declare(
        "tiny",
        backend="local",
        base_model=str(model),
        epochs=2,
        batch_size=2,
        lora_rank=2,
        rehearsal="on",
        max_new_tokens=4,
    )
    add_rooms(people, "tiny")


def add_rooms(people: People, dataset: str) -> None:
    """Four samples and a prompt."""
    for number in range(4):
        people.teach(dataset, f"What is room {number}?", f"Room {number} is blue.")
    people.ask(dataset, "What is room 1?", "Room 1 is blue.")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many points there are, and how often a process was killed at one."""
    reports = terminalreporter.getreports("passed") + terminalreporter.getreports("failed")
    kills = sum(n for report in reports for name, n in report.user_properties if name == KILLS)
    if kills:
        terminalreporter.write_line(
            f"faults: {count_points()} points, {len(COMMITS)} of them functions that commit; "
            f"{kills} processes killed at them"
        )
