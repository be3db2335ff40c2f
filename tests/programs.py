"""Programs that the tests start: where they are found, and how root installs missing ones.

Programs alone are installed: no service is set up or started.
"""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_FOLDERS = os.pathsep.join(
    ["/usr/sbin", "/usr/local/sbin", "/usr/libexec", "/opt/homebrew/bin", "/usr/local/bin"]
)


def find_program(name: str, path: str | None = None) -> str | None:
    """Find a program, also in the folders of servers, which few users have on their PATH."""
    path = os.environ.get("PATH", "") + os.pathsep + _FOLDERS if path is None else path
    return shutil.which(name, path=path)


def install_packages(packages: Sequence[str], *, purpose: str) -> None:
    """Install packages of Debian or Ubuntu.

    Args:
        packages: their names.
        purpose: what needs them, as the subject of a sentence.

    Raises:
        RuntimeError: this user may not; the message names the command.
    """
    install = f"apt-get install -y --no-install-recommends {' '.join(packages)}"
    if not may_install():
        raise RuntimeError(
            f"{purpose} needs {', '.join(packages)}. On Debian and Ubuntu: sudo {install}. The "
            "tests start private servers themselves; none has to be running."
        )
    run_apt("apt-get update", install)


def may_install() -> bool:
    """Whether this user may install Debian's packages."""
    return os.geteuid() == 0 and find_program("apt-get") is not None


def run_apt(*commands: str, folder: Path | None = None) -> None:
    """Run apt's commands and show the last one and its output on stderr."""
    sys.stderr.write(f"\ninstalling programs alone, no service: {commands[-1]}\n")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in commands:
        subprocess.run(command.split(), check=True, env=environment, stdout=sys.stderr, cwd=folder)


def docker_runs() -> bool:
    """Whether a Docker engine answers here."""
    docker = shutil.which("docker")
    return docker is not None and _succeeds([docker, "info"])


def user_name() -> str:
    """Return the name of the user who runs the tests."""
    # mariadbd and mysqld refuse to run as root unless root is named.
    return getpass.getuser()


def with_parent() -> list[str]:
    """Return a prefix that ends a program with the test process, however that one ends."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig=KILL"] if setpriv and sys.platform == "linux" else []


def _succeeds(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True).returncode == 0
