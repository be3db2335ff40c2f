"""Clients of OpenAI's API that are not ours, each release in an environment of its own.

They cannot be installed together, and none belongs into the project's environment. An environment
is made once, with pip, in `~/.cache/sqltune-tests`, as other downloads of the tests are.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

#: What is installed, by the name of its environment: the current major of the SDK, the two before
#: it, the last one with the interface of 2023, and LangChain with the SDK that it asks for.
PINNED = {
    "openai-3": ["openai==3.57.0"],
    "openai-2": ["openai==2.54.0"],
    "openai-1": ["openai==1.109.1"],
    "openai-0": ["openai==0.28.1"],
    "langchain": ["langchain-openai==1.7.4"],
}
_CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "sqltune-tests"


def python_of(name: str) -> Path:
    """Return the interpreter of an environment, which is made where it is not there yet.

    Raises:
        RuntimeError: pip cannot install what it takes.
    """
    versions = "-".join(each.partition("==")[2] for each in PINNED[name])
    release = f"py{sys.version_info.major}{sys.version_info.minor}"
    folder = _CACHE / f"{name}-{versions}-{release}"
    python = folder / "bin" / "python"
    _CACHE.mkdir(parents=True, exist_ok=True)
    # Tests that run at the same time make it once.
    with (_CACHE / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            _run([sys.executable, "-m", "venv", str(folder)])
            pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            _run([*pip, *PINNED[name]])
            (folder / "complete").touch()
    return python


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    if done.returncode:
        raise RuntimeError(
            f"{' '.join(command[1:])} failed: {(done.stderr or done.stdout)[-2000:]}"
        )
