"""The Docker engine of the tests: the one that runs here, or a private one that root starts.

A private engine has its own socket, state and images, which stay in the user's cache; it ends with
the tests. An engine that the tests did not start keeps everything but what they made in it.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

from tests.debian_root import cache_folder, can_make_root, locked, sid_root
from tests.programs import docker_runs, find_program, install_packages

PACKAGES = ("docker.io", "containerd", "runc", "iptables")
_PATIENCE_SECONDS = 60
_MISSING = (
    "the tests of the image need a running Docker engine, or root on Debian, which gets a private "
    "one started."
)


@dataclass(frozen=True)
class Engine:
    """An engine and its clients."""

    address: str | None  #: of a private engine; None: the one that `docker` finds

    @property
    def is_private(self) -> bool:
        """Whether the tests started it."""
        return self.address is not None

    @property
    def environment(self) -> dict[str, str]:
        """The environment of its clients."""
        if self.address is None:
            return dict(os.environ)
        # The old builder needs no plugin; docker and Compose share its layers.
        return os.environ | {"DOCKER_HOST": self.address, "DOCKER_BUILDKIT": "0"}

    def docker(self, *arguments: str, stdin: IO[bytes] | None = None) -> str:
        """Run `docker` and return what it printed.

        Raises:
            RuntimeError: it failed; the message is all its output.
        """
        return self.run([_docker(), *arguments], stdin=stdin)

    def run(self, command: list[str], *, stdin: IO[bytes] | None = None, **environment: str) -> str:
        """Run a client of the engine and return what it printed."""
        done = subprocess.run(
            command,
            stdin=stdin if stdin is not None else subprocess.DEVNULL,
            env=self.environment | environment,
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            output = f"{done.stdout}{done.stderr}"
            raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{output}")
        return done.stdout.strip()


def explain_missing() -> str | None:
    """Return what is missing for an engine here, None when one runs or can be started."""
    return None if docker_runs() or can_make_root() else _MISSING


@contextmanager
def open_engine() -> Iterator[Engine]:
    """Yield the engine that runs here, or start one.

    Raises:
        RuntimeError: none runs, and none can be started; the message names what is missing.
    """
    if docker_runs():
        yield Engine(None)
        return
    if not can_make_root():
        raise RuntimeError(_MISSING)
    if not all(map(find_program, ("dockerd", "containerd", "runc", "iptables"))):
        install_packages(PACKAGES, purpose="a private Docker engine")
    state = cache_folder() / "docker"
    state.mkdir(exist_ok=True)
    with locked(cache_folder() / "docker.lock"), tempfile.TemporaryDirectory() as name:
        yield from _run_engine(state, Path(name))


def _run_engine(state: Path, folder: Path) -> Iterator[Engine]:
    _end_leftover(state / "pid")
    address = f"unix://{folder}/socket"
    command = [find_program("dockerd") or "dockerd", f"--host={address}"]
    command += [f"--data-root={state}/data", f"--exec-root={folder}/exec"]
    command += [f"--pidfile={state}/pid", "--log-level=warn"]
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    engine = Engine(address)
    try:
        _await_engine(engine, process, folder / "log")
        yield engine
    finally:
        with suppress(RuntimeError):
            _remove_containers(engine)
        process.terminate()
        process.wait()


def _await_engine(engine: Engine, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(RuntimeError):
            engine.docker("info")
            return
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.2)
    raise RuntimeError(f"the private engine did not start:\n{log.read_text('utf-8')[-2000:]}")


def _remove_containers(engine: Engine) -> None:
    left = engine.docker("ps", "--all", "--quiet").split()
    if left:
        engine.docker("rm", "--force", "--volumes", *left)


def _end_leftover(pid_file: Path) -> None:
    """End the private engine of tests that were killed."""
    with suppress(FileNotFoundError, ValueError, ProcessLookupError):
        pid = int(pid_file.read_text())
        if Path(f"/proc/{pid}/exe").resolve().name == "dockerd":
            ending = os.pidfd_open(pid)
            os.kill(pid, signal.SIGTERM)
            # The descriptor of a process is readable once it has ended.
            select.select([ending], [], [])
            os.close(ending)
    pid_file.unlink(missing_ok=True)


def _docker() -> str:
    return find_program("docker") or "docker"


@cache
def compose_command() -> tuple[str, ...]:
    """Return the command of Compose 2: docker's plugin, or a binary from Debian sid."""
    plugin = (_docker(), "compose")
    if subprocess.run([*plugin, "version"], capture_output=True).returncode == 0:
        return plugin
    return (str(sid_root() / "usr/libexec/docker/cli-plugins/docker-compose"),)
