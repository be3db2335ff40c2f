"""Fixtures of the fault-injection suite, and what it says at its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.databases import ServerDatabases
from tests.faults.points import COMMITS, count_points
from tests.faults.stages import ServerStage, SqliteStage
from tests.faults.worlds import FEW_CERTIFICATES, Nursery, World

KILLS = "kills"


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """The process that forks commands."""
    process = Nursery()
    yield process
    process.close()


@pytest.fixture(params=["sqlite", "mariadb-pymysql"])
def world(
    request: pytest.FixtureRequest,
    nursery: Nursery,
    sqlite_template: Path,
    server_databases: Callable[[str], ServerDatabases],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[World]:
    """The command over a migrated database without rows, on each engine in turn."""
    if request.param == "sqlite":
        yield World(SqliteStage(sqlite_template, tmp_path / "stage"), nursery)
        return
    for name, value in FEW_CERTIFICATES.items():
        monkeypatch.setenv(name, value)
    databases = server_databases(request.param)
    name = databases.make_migrated()
    stage = ServerStage(databases.address(name), tmp_path / "stage")
    yield World(stage, nursery)
    stage.close()
    databases.give_back(name)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many points there are, and how often a process was killed at one."""
    reports = terminalreporter.getreports("passed") + terminalreporter.getreports("failed")
    kills = sum(n for report in reports for name, n in report.user_properties if name == KILLS)
    if kills:
        terminalreporter.write_line(
            f"faults: {count_points()} points, {len(COMMITS)} of them functions that commit; "
            f"{kills} processes killed at them"
        )
