"""What is recorded is complete: all that commits or calls is in it, and all in it is passed."""

from __future__ import annotations

import os
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from tests.faults.points import EXCLUDED, Points, read_points, write_points
from tests.faults.recording import gather, play_scenes, play_service
from tests.faults.sites import find_points, find_working
from tests.faults.stages import SqliteStage
from tests.faults.worlds import SYNC, ForkServer, World, local_world_on, service_world_on
from tests.serving import ServerAtWork

ADVICE = (
    "run `make fault-points`; what no undisturbed run passes then needs a scene in "
    "tests/faults/scenes.py, or a reason in EXCLUDED of tests/faults/points.py"
)


@pytest.fixture
def undisturbed(
    sqlite_template: Path,
    tmp_path: Path,
    fork_server: ForkServer,
    torch_fork_server: ForkServer,
    service_fork_server: ForkServer,
    tiny_model: Path,
    service: ServerAtWork,
) -> Points:
    """The points that undisturbed runs pass."""
    stages = [SqliteStage(sqlite_template, tmp_path / name) for name in ("s", "l", "g")]
    local = local_world_on(stages[1], torch_fork_server, tiny_model)
    at_service = service_world_on(stages[2], service_fork_server, service)
    return gather(
        [
            *play_scenes(World(stages[0], fork_server)),
            *local.run_to_end(*SYNC).hits,
            *play_service(at_service, tmp_path / "saved"),
        ]
    )


@pytest.mark.faults
def test_undisturbed_runs_pass_every_recorded_point_and_no_other(undisturbed: Points) -> None:
    if os.environ.get("RECORD_FAULT_POINTS"):
        write_points(undisturbed)
    assert undisturbed == read_points(), ADVICE


@pytest.mark.faults
def test_the_scenes_pass_every_recorded_commit_on_each_engine(world: World) -> None:
    assert gather(play_scenes(world)).commits == read_points().commits, ADVICE


def test_every_function_that_commits_is_killed_or_excluded_with_a_reason() -> None:
    assert find_points().commits == read_points().commits, ADVICE


def test_every_call_of_something_outside_is_killed_or_excluded_with_a_reason() -> None:
    assert find_points().calls == read_points().calls, ADVICE


def test_every_exclusion_is_about_something_that_commits_or_works_outside() -> None:
    found = find_working()
    idle = [entry for entry in EXCLUDED if not any(fnmatchcase(name, entry) for name in found)]
    assert idle == []
