"""Debian systems in folders of their own, for programs that this machine's release lacks.

debootstrap makes them from the mirror that apt uses here, and they stay in the user's cache, so
that only the first run downloads them. The mirror's address is in no file and no output of ours.
"""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.programs import find_program, install_packages, may_install

#: What debootstrap and apt leave behind that nothing here needs; all of it names the mirror.
_LEFTOVERS = (
    "debootstrap",
    "etc/apt/sources.list",
    "var/cache/apt",
    "var/lib/apt/lists",
    "var/log/bootstrap.log",
)
#: Runs a program in a root folder with this machine's devices and one more folder. The mounts are
#: in a namespace of their own and end with the program.
_ENTER = """
set -e
root=$1 folder=$2; shift 2
mount --rbind /dev "$root/dev"
mount --bind /proc "$root/proc"
mkdir -p "$root$folder"
mount --bind "$folder" "$root$folder"
exec chroot "$root" "$@"
"""


def cache_folder() -> Path:
    """Return the folder in which the tests keep what takes minutes to make."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base) / "sqltune-tests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def can_make_root() -> bool:
    """Whether this is root on Debian, with the right to mount folders."""
    if platform.system() != "Linux" or not may_install() or _release()["ID"] != "debian":
        return False
    return subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode == 0


def sid_root() -> Path:
    """Return the root folder of what only Debian sid packages: MySQL, and Docker Compose 2."""
    packages = ("mysql-server-core", "mysql-client", "docker-compose")
    return debian_root("debian-sid", "sid", packages)


def debian_root(name: str, release: str, packages: Sequence[str]) -> Path:
    """Return a root folder of a Debian release with these packages; made once and kept.

    Args:
        name: the folder's name in the cache.
        release: for instance "sid".
        packages: what it contains beside the smallest base.

    Raises:
        RuntimeError: debootstrap is missing and cannot be installed, or failed.
    """
    folder = cache_folder() / name
    with locked(folder.with_suffix(".lock")):
        if not folder.exists():
            unfinished = folder.with_suffix(".new")
            shutil.rmtree(unfinished, ignore_errors=True)
            _make(unfinished, release, packages)
            unfinished.rename(folder)
    return folder


def enter_root(root: Path, folder: Path) -> list[str]:
    """Return the prefix of a command that runs in `root` and finds `folder` where it is outside."""
    return ["unshare", "--mount", "sh", "-c", _ENTER, "sh", str(root), str(folder)]


def debian_mirror() -> str:
    """Return the address from which apt takes Debian's main packages here."""
    wanted = ("Created-By: Packages", "Component: main", f"Codename: {codename()}")
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI)", *wanted]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    addresses = done.stdout.split()
    if not addresses:
        raise RuntimeError("apt's configuration names no mirror of Debian")
    return addresses[0]


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let one process at a time do something."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make(folder: Path, release: str, packages: Sequence[str]) -> None:
    if find_program("debootstrap") is None:
        install_packages(["debootstrap"], purpose=f"a root folder of Debian {release}")
    mirror = debian_mirror()
    sys.stderr.write(f"\nmaking a root folder of Debian {release} for {', '.join(packages)}\n")
    command = [find_program("debootstrap") or "debootstrap", "--variant=minbase"]
    command += [f"--include={','.join(packages)}", release, str(folder), mirror]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        output = done.stdout[-2000:].replace(mirror, "<mirror>")
        raise RuntimeError(f"debootstrap {release} failed:\n{output}")
    for leftover in _LEFTOVERS:
        shutil.rmtree(folder / leftover, ignore_errors=True)
        with suppress(FileNotFoundError):
            (folder / leftover).unlink()


def codename() -> str:
    """Return the name of this machine's Debian release."""
    return _release().get("VERSION_CODENAME", "")


def _release() -> dict[str, str]:
    return platform.freedesktop_os_release()
