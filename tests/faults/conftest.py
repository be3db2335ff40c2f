"""Fixtures of the fault-injection suite, and the line that it writes at its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.databases import ServerDatabases, copy_sqlite
from tests.faults.points import read_points
from tests.faults.seeds import OneSeed
from tests.faults.stages import ServerStage, SqliteStage, Stage
from tests.faults.timeline import Timeline
from tests.faults.worlds import (
    FEW_CERTIFICATES,
    ForkServer,
    World,
    local_world_on,
    service_world_on,
)
from tests.serving import SLUG, ServerAtWork, start_server
from tests.singlestore_on_mariadb import open_database

KILLS = "kills"


@pytest.fixture(scope="session")
def fork_server() -> Iterator[ForkServer]:
    """The process that forks commands."""
    process = ForkServer()
    yield process
    process.close()


@pytest.fixture(scope="session")
def torch_fork_server() -> Iterator[ForkServer]:
    """The same with torch imported, which no process may have used that forks."""
    process = ForkServer("torch", "transformers", "peft", "sqltune.backends.local.training")
    yield process
    process.close()


@pytest.fixture(scope="session")
def service_fork_server() -> Iterator[ForkServer]:
    """The same with the client of a service imported."""
    process = ForkServer("httpx", "sqltune.backends.gradient.backend")
    yield process
    process.close()


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny base model of random weights."""
    # Imported here: a test that only names the fixture does not need torch.
    from tests.local_lora.tiny_models import CORPUS, llama_config, save_tiny_model, train_tokenizer

    folder = tmp_path_factory.mktemp("models") / "tiny-llama"
    tokenizer = train_tokenizer(CORPUS)
    save_tiny_model(llama_config(len(tokenizer)), tokenizer, folder)
    return folder


@pytest.fixture(scope="session")
def stage_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all cases are played: rows contain the addresses of files."""
    return tmp_path_factory.mktemp("stages") / "stage"


@pytest.fixture(params=["sqlite", "mariadb-pymysql"])
def stage(
    request: pytest.FixtureRequest,
    sqlite_template: Path,
    server_databases: Callable[[str], ServerDatabases],
    stage_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Stage]:
    """A migrated database without rows, on each engine in turn, and a folder."""
    if request.param == "sqlite":
        yield SqliteStage(sqlite_template, stage_folder)
        return
    for name, value in FEW_CERTIFICATES.items():
        monkeypatch.setenv(name, value)
    databases = server_databases(request.param)
    name = databases.make_migrated()
    stage = ServerStage(databases.address(name), stage_folder)
    yield stage
    stage.close()
    databases.give_back(name)


@pytest.fixture
def world(stage: Stage, fork_server: ForkServer) -> World:
    """The command on a stage."""
    return World(stage, fork_server)


@pytest.fixture(scope="session")
def timelines(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Timeline]:
    """The scenes on SQLite and on a server."""
    return {is_server: Timeline(tmp_path_factory.mktemp("timeline")) for is_server in (False, True)}


@pytest.fixture
def timeline(stage: Stage, timelines: dict[bool, Timeline]) -> Timeline:
    """The scenes on the engine of a stage."""
    return timelines[stage.is_server]


@pytest.fixture
def local_world(stage: Stage, torch_fork_server: ForkServer, tiny_model: Path) -> World:
    """The command with the backend `local`, and a tiny base model."""
    return local_world_on(stage, torch_fork_server, tiny_model)


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
def service_world(stage: Stage, service_fork_server: ForkServer, service: ServerAtWork) -> World:
    """The command with an account at the service, which is asked one prompt at a time."""
    return service_world_on(stage, service_fork_server, service)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Report how many points there are, and how often a process was killed at one."""
    reports = terminalreporter.getreports("passed") + terminalreporter.getreports("failed")
    kills = sum(n for report in reports for name, n in report.user_properties if name == KILLS)
    if kills:
        points = read_points()
        terminalreporter.write_line(
            f"faults: {len(points)} points, {sum(points.commits.values())} of them transactions; "
            f"{kills} processes killed at them"
        )
