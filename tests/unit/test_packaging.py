"""What pyproject.toml and requirements.lock promise to whoever installs sqltune."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import sqltune
from tests.requirement_closure import closure

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements.lock"
PYTHONS = ("3.11", "3.12", "3.13")
#: What a CUDA build of torch brings along; which versions, that build decides.
CUDA = ("nvidia-", "cuda-", "triton")
HEAVY = {"torch", "transformers", "peft", "accelerate", "tokenizers", "safetensors"}


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


@pytest.fixture(scope="module")
def pins() -> dict[str, Requirement]:
    lines = LOCK.read_text("utf-8").splitlines()
    listed = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(pin.name): pin for pin in listed}


def everything(project: dict[str, Any]) -> list[Requirement]:
    """All that `make` installs: base, every extra, and what the tests need."""
    texts = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    for extra in project["project"]["optional-dependencies"].values():
        texts += extra
    return [Requirement(text) for text in texts]


def test_lock_lies_within_the_ranges_of_pyproject(
    project: dict[str, Any], pins: dict[str, Requirement]
) -> None:
    for wanted in everything(project):
        pin = pins[canonicalize_name(wanted.name)]
        version = next(iter(pin.specifier)).version
        assert wanted.specifier.contains(version), f"{wanted} does not allow {pin}"


def test_lock_names_one_exact_version_each(pins: dict[str, Requirement]) -> None:
    for pin in pins.values():
        assert [clause.operator for clause in pin.specifier] == ["=="], f"{pin} is not exact"
        assert "+" not in str(pin.specifier), f"{pin} exists in one index only"


def test_lock_names_no_place_to_download_from() -> None:
    lines = LOCK.read_text("utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert [line for line in pins if "://" in line or "@" in line or line.startswith("-")] == []


@pytest.mark.parametrize("python", PYTHONS)
def test_lock_holds_the_whole_tree(
    python: str, project: dict[str, Any], pins: dict[str, Requirement]
) -> None:
    applies = {"python_version": python, "python_full_version": f"{python}.0"}
    locked = {n for n, p in pins.items() if p.marker is None or p.marker.evaluate(applies)}
    needed = {n for n in closure(everything(project), python) if not n.startswith(CUDA)}
    assert needed - locked == set()


def test_lock_holds_nothing_that_nobody_needs(
    project: dict[str, Any], pins: dict[str, Requirement]
) -> None:
    needed = closure(everything(project), PYTHONS[0])
    conditional = {name for name, pin in pins.items() if pin.marker is not None}
    assert set(pins) - conditional - needed == set()


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
