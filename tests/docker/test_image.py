"""The image of the Dockerfile, built and run for real."""

from __future__ import annotations

import pytest

from tests.docker.engine import Engine

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]
FIND_TORCH = "import importlib.util as u; print(u.find_spec('torch') is not None)"


def run(engine: Engine, image: str, *command: str) -> str:
    """Run a command of the image's system in place of `sqltune`."""
    program, *arguments = command
    return engine.docker("run", "--rm", f"--entrypoint={program}", image, *arguments)


def test_without_extras_the_image_has_no_torch_and_makes_the_tables(
    engine: Engine, bare_image: str
) -> None:
    assert run(engine, bare_image, "python3", "-c", FIND_TORCH) == "False"
    done = run(engine, bare_image, "sh", "-c", "sqltune init 2>&1 && sqltune status --json")
    assert "applied 0001_create_tables.sql" in done
    assert done.endswith("[]")


def test_with_its_default_extra_the_image_plays_the_demo(engine: Engine, local_image: str) -> None:
    assert run(engine, local_image, "python3", "-c", FIND_TORCH) == "True"
    assert "developer advocate" in engine.docker("run", "--rm", local_image, "demo")


def test_the_image_runs_as_a_user_without_rights(engine: Engine, bare_image: str) -> None:
    assert run(engine, bare_image, "id", "-un") == "sqltune"
    attempts = "touch /usr/x; touch /srv/x; touch artifacts/x x && ls -d artifacts/x x"
    assert run(engine, bare_image, "sh", "-c", f"({attempts}) 2>/dev/null").split() == [
        "artifacts/x",
        "x",
    ]


def test_no_file_of_the_build_stays_in_the_image(engine: Engine, bare_image: str) -> None:
    assert run(engine, bare_image, "ls", "-A", "/src") == ""
