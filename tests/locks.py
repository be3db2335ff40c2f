"""The lock files: what running takes, and what development takes besides.

`python -m tests.locks` writes both from this environment; `make lock` calls it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from tests.requirement_closure import closure

ROOT = Path(__file__).parents[1]
RUNNING = ROOT / "requirements.lock"
DEVELOPING = ROOT / "requirements-dev.lock"
PYTHONS = ("3.11", "3.12", "3.13")


def read_project() -> dict[str, Any]:
    """Return pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def running(project: dict[str, Any]) -> list[Requirement]:
    """Return what `make demo` installs: the base, the extra `local`, and the build backend."""
    texts = list(project["project"]["dependencies"])
    texts += project["project"]["optional-dependencies"]["local"]
    return [Requirement(text) for text in texts + project["dependency-groups"]["build"]]


def everything(project: dict[str, Any]) -> list[Requirement]:
    """Return what `make check` installs: all extras and the group dev as well."""
    texts = [text for text in project["dependency-groups"]["dev"] if isinstance(text, str)]
    for extra in project["project"]["optional-dependencies"].values():
        texts += extra
    return running(project) + [Requirement(text) for text in texts]


def names(wanted: list[Requirement]) -> set[str]:
    """Return the distributions that these need on any of our Pythons."""
    return set().union(*(closure(wanted, python) for python in PYTHONS))


def write_lock(path: Path, distributions: Iterable[str]) -> None:
    """Write exact versions below the comment that the file begins with."""
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    comment = [line for line in lines if line.startswith("#")]
    pins = sorted(map(pin, distributions), key=str.lower)
    path.write_text("\n".join([*comment, *pins]) + "\n", "utf-8")


def pin(name: str) -> str:
    """Return the installed version; a build's own suffix such as +cpu exists in one index only."""
    found = distribution(name)
    return f"{found.metadata['Name']}=={found.version.split('+')[0]}"


if __name__ == "__main__":
    project = read_project()
    needed = names(running(project))
    write_lock(RUNNING, needed)
    write_lock(DEVELOPING, names(everything(project)) - needed)
