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
#: Code that commits, asks a backend and writes, beside some that only looks like it.
NEW_COMMAND = """
class New:
    def save(self, text):
        with self.scope.transaction() as session:
            session.execute(text.replace("a", "b"))

    def ask(self, backend):
        def ask_all():
            if backend:
                return backend.answer([])
        return ask_all
"""
NEW_BACKEND = """
def keep(draft, path):
    try:
        draft.open("wb").write(b"")
        draft.replace(path)
    except OSError:
        draft.unlink()
    return path.open().read()
"""


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


def test_new_code_that_commits_or_calls_something_outside_is_found(tmp_path: Path) -> None:
    before = find_points(tmp_path)
    for name, content in (("run/new.py", NEW_COMMAND), ("backends/local/new.py", NEW_BACKEND)):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    found = find_points(tmp_path)
    assert found.commits == {"run.new.New.save": 1}
    assert set(found.calls) - set(before.calls) == {
        "run.new.New.ask.<locals>.ask_all: answer",
        "backends.local.new.keep: write",
        "backends.local.new.keep: replace",
    }
