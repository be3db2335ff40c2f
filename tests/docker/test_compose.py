"""docker-compose.yml brought up for real, with the profile `mysql`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.docker.project import Project, script_folder
from tests.end_to_end.command import People, await_condition
from tests.end_to_end.conftest import declare_office

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]
STATES = "SELECT state FROM runs WHERE adapter_name = :name ORDER BY run_id"


def states(people: People, adapter_name: str) -> list[str]:
    return [row[0] for row in people.rows(STATES, name=adapter_name)]


def list_artifacts(project: Project) -> list[str]:
    listed = project.compose(
        "run", "--rm", "--entrypoint=find", "runner-mysql", "artifacts", "-type", "f"
    )
    return sorted(line for line in listed.splitlines() if line.startswith("artifacts/"))


def sync(project: Project, *options: str) -> None:
    project.compose("run", "--rm", *options, "runner-mysql")


def test_the_database_becomes_healthy_and_a_sync_ends_with_its_rows(
    project: Project, people: People
) -> None:
    assert project.inspect("mysql", "{{.State.Health.Status}}") == "healthy"
    declare_office(people, "first")
    sync(project)
    assert states(people, "first") == ["succeeded"]
    assert people.count("report_before_after", "adapter_name = 'first' AND score_after = 1") == 1
    assert list_artifacts(project) != []


def test_a_worker_takes_up_a_run_that_a_person_inserts_also_after_its_restart(
    project: Project, people: People
) -> None:
    project.compose("up", "--detach", "worker-mysql")
    try:
        declare_office(people, "second")
        people.insert("runs", adapter_name="second")
        await_condition(lambda: states(people, "second") == ["succeeded"], "the first run")
        project.compose("exec", "worker-mysql", "sh", "-c", "kill -TERM 1")
        people.insert("runs", adapter_name="second", is_forced=1)
        await_condition(lambda: states(people, "second") == ["succeeded"] * 2, "the second run")
        assert int(project.inspect("worker-mysql", "{{.RestartCount}}")) == 1
    finally:
        project.compose("rm", "--force", "--stop", "worker-mysql")


def test_docker_stop_leaves_a_run_that_the_next_sync_ends(
    project: Project, people: People, tmp_path: Path
) -> None:
    declare_office(people, "third")
    hang = {"at": "step", "number": 1, "kind": "hang", "until": "/script/go-on"}
    mount = script_folder(tmp_path, json.dumps({"faults": [hang]}))
    script = (mount, "--env=SQLTUNE_SCRIPT=/script/script.json")
    name = f"{project.name}-stopped"
    project.compose("run", "--detach", f"--name={name}", *script, "runner-mysql")
    people.await_row(
        "SELECT 1 FROM runs JOIN backend_calls ON backend_calls.run_id = runs.run_id"
        " WHERE adapter_name = 'third' AND runs.state = 'training'"
        " AND backend_calls.state = 'intended'"
    )
    project.engine.docker("stop", name)
    assert project.engine.docker("inspect", "--format={{.State.ExitCode}}", name) == "143"
    assert states(people, "third") == ["training"]
    assert (
        people.value("SELECT lease_owner FROM adapter_states WHERE adapter_name = 'third'") is None
    )
    (tmp_path / "go-on").touch()
    sync(project, *script)
    assert states(people, "third") == ["succeeded"]
    assert people.count("adapter_versions", "adapter_name = 'third'") == 1


def test_rows_and_adapters_outlive_the_containers(project: Project, people: People) -> None:
    declare_office(people, "fourth")
    sync(project)
    before = people.dump()
    artifacts = list_artifacts(project)
    project.compose("down", "--timeout=5")
    project.compose("up", "--detach", "--wait", "mysql")
    assert people.dump() == before
    assert list_artifacts(project) == artifacts
    sync(project)
    assert states(people, "fourth") == ["succeeded"]
