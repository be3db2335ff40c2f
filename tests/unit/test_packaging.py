"""What pyproject.toml and the lock files promise to those who install sqltune."""

from __future__ import annotations

import re
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import sqltune
from tests.locks import (
    DEVELOPING,
    PYTHONS,
    ROOT,
    RUNNING,
    WEIGHTS,
    everything,
    linked_files,
    names,
    read_project,
    running,
)
from tests.requirement_closure import closure

LOCKS = (RUNNING, DEVELOPING)
HEAVY = {"torch", "transformers", "peft", "accelerate", "tokenizers", "safetensors"}
#: What a CUDA build of torch brings along; which versions, that build decides.
CUDA = ("nvidia-", "cuda-", "triton")
#: What only development needs: `make demo` installs none of it.
DEVELOPMENT = {"mypy", "pytest", "ruff", "langchain-core", "ipykernel", "zensical", "pyarrow"}


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return read_project()


def pins_of(path: Path) -> dict[str, Requirement]:
    listed = [Requirement(entry.split()[0]) for entry in entries_of(path)]
    return {canonicalize_name(pin.name): pin for pin in listed}


def entries_of(path: Path) -> list[str]:
    """Return each version with its hashes, as one text."""
    text = path.read_text("utf-8").replace("\\\n", "")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def pins() -> dict[str, Requirement]:
    return pins_of(RUNNING) | pins_of(DEVELOPING)


def without_cuda(distributions: set[str]) -> set[str]:
    return {name for name in distributions if not name.startswith(CUDA)}


def test_locks_lie_within_the_ranges_of_pyproject(
    project: dict[str, Any], pins: dict[str, Requirement]
) -> None:
    for wanted in everything(project):
        pin = pins[canonicalize_name(wanted.name)]
        version = next(iter(pin.specifier)).version
        assert wanted.specifier.contains(version), f"{wanted} does not allow {pin}"


def test_locks_name_one_exact_version_each(pins: dict[str, Requirement]) -> None:
    for pin in pins.values():
        assert [clause.operator for clause in pin.specifier] == ["=="], f"{pin} is not exact"
        assert "+" not in str(pin.specifier), f"{pin} exists in one index only"


@pytest.mark.parametrize("lock", [*LOCKS, WEIGHTS], ids=lambda path: path.name)
def test_every_version_in_a_lock_has_the_hashes_of_its_files(lock: Path) -> None:
    for entry in entries_of(lock):
        _, *hashes = entry.split()
        assert hashes, entry
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", one) for one in hashes), entry


def test_the_files_of_an_index_without_json_are_found_by_their_links() -> None:
    page = (
        '<a href="https://files.example/whl/cpu/torch-2.13.0%2Bcpu-cp311-cp311-win_amd64.whl'
        f'#sha256={"0" * 64}" data-requires-python="&gt;=3.10">torch</a><br/>\n'
        f'<a href="/whl/cpu/torch-2.13.0-cp311-none-any.whl#sha256={"1" * 64}">torch</a>'
        '<a href="/whl/cpu/unhashed.whl">unhashed</a>'
    )
    assert linked_files(page) == {
        "torch-2.13.0+cpu-cp311-cp311-win_amd64.whl": "0" * 64,
        "torch-2.13.0-cp311-none-any.whl": "1" * 64,
    }


def test_the_lock_has_hashes_of_both_builds_of_torch_for_every_python_and_system() -> None:
    (entry,) = (entry for entry in entries_of(RUNNING) if entry.startswith("torch=="))
    systems = {"linux x86_64", "linux aarch64", "windows amd64"}
    assert len(entry.split()) - 1 >= len(PYTHONS) * len(systems) * 2


@pytest.mark.parametrize("lock", [*LOCKS, WEIGHTS], ids=lambda path: path.name)
def test_a_lock_names_no_place_to_download_from(lock: Path) -> None:
    pins = [line for line in lock.read_text("utf-8").splitlines() if not line.startswith("#")]
    assert [line for line in pins if "://" in line or "@" in line or line.startswith("-")] == []


def test_the_lock_for_running_holds_what_running_takes_and_nothing_else(
    project: dict[str, Any],
) -> None:
    assert set(pins_of(RUNNING)) == without_cuda(names(running(project)))


def test_both_locks_hold_the_whole_tree_and_nothing_else(
    project: dict[str, Any], pins: dict[str, Requirement]
) -> None:
    assert set(pins) == without_cuda(names(everything(project)))


def test_no_distribution_is_in_both_locks() -> None:
    assert set(pins_of(RUNNING)) & set(pins_of(DEVELOPING)) == set()


def test_running_takes_no_tool_of_development() -> None:
    assert set(pins_of(DEVELOPING)) >= DEVELOPMENT


def test_this_environment_is_the_locked_one(pins: dict[str, Requirement]) -> None:
    here = {name: pin for name, pin in pins.items() if not pin.marker or pin.marker.evaluate()}
    installed = {name: distribution(name).version for name in here}
    assert len(installed) > 100
    assert [
        f"{pin}, got {installed[name]}"
        for name, pin in here.items()
        if not pin.specifier.contains(installed[name], prereleases=True)
    ] == []


@pytest.mark.parametrize("python", PYTHONS)
def test_base_install_pulls_neither_torch_nor_transformers(
    python: str, project: dict[str, Any]
) -> None:
    base = [Requirement(text) for text in project["project"]["dependencies"]]
    assert closure(base, python) & HEAVY == set()


def test_extra_local_pulls_torch_and_peft(project: dict[str, Any]) -> None:
    local = project["project"]["optional-dependencies"]["local"]
    assert {"torch", "transformers", "peft"} <= closure(map(Requirement, local), PYTHONS[0])


def test_the_readers_of_parquet_are_no_part_of_the_base_install(project: dict[str, Any]) -> None:
    base = [Requirement(text) for text in project["project"]["dependencies"]]
    assert "pyarrow" not in closure(base, PYTHONS[0])


def test_version_is_the_same_everywhere(project: dict[str, Any]) -> None:
    assert sqltune.__version__ == project["project"]["version"]


def test_declared_pythons_are_those_the_lock_is_made_for(project: dict[str, Any]) -> None:
    prefix = "Programming Language :: Python :: "
    classifiers = project["project"]["classifiers"]
    assert [c.removeprefix(prefix) for c in classifiers if c.startswith(prefix)] == list(PYTHONS)
    assert project["project"]["requires-python"] == f">={PYTHONS[0]}"


def test_license_is_the_full_apache_text(project: dict[str, Any]) -> None:
    text = (ROOT / "LICENSE").read_text("utf-8")
    assert project["project"]["license"] == "Apache-2.0"
    assert re.search(r"Apache License\s+Version 2\.0, January 2004", text)
    assert "END OF TERMS AND CONDITIONS" in text
