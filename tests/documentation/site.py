"""Builds the site of the documents with Zensical; a broken link or anchor is an error.

`python -m tests.documentation.site FOLDER` writes FOLDER/site; `make docs` calls it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.documentation.pages import ROOT, page_names, read_links

_BEGIN = ["ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"]


def linked_files() -> set[str]:
    """Return every document and every file that a document links to, by its path."""
    found: set[str] = set()
    waiting = [*page_names(), *_BEGIN]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        if name.endswith(".md"):
            waiting += [target for link in read_links(name) if (target := _target(name, link))]
    return found


def _target(page: str, link: str) -> str | None:
    """Return the file that a link of a page leads to; None: it leads elsewhere."""
    path = link.partition("#")[0]
    if not path or "://" in path:
        return None
    target = (ROOT / page).parent / path
    return target.resolve().relative_to(ROOT).as_posix() if target.is_file() else None


def build(folder: Path) -> subprocess.CompletedProcess[str]:
    """Copy the documents into the folder, as they lie in the repository, and build the site."""
    shutil.rmtree(folder, ignore_errors=True)
    for name in linked_files():
        copy = folder / "source" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy)
    shutil.copy(ROOT / "zensical.toml", folder)
    zensical = Path(sys.executable).parent / "zensical"
    return subprocess.run(
        [zensical, "build", "--strict"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


if __name__ == "__main__":
    built = build(Path(sys.argv[1]))
    sys.stdout.write(built.stdout)
    sys.exit(built.returncode)
