"""A private MySQL for the tests: the machine's own, docker's image, or Debian sid's packages.

Debian's stable releases carry MariaDB only. Sid's `mysql-server-core` needs sid's libc, so it runs
in a root folder of its own, which root on Debian gets made.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from tests.debian_root import can_make_root, enter_root, sid_root
from tests.programs import docker_runs, find_program, user_name, with_parent
from tests.sql_server import SqlServer, make_folder, run_server

IMAGE = "mysql:8.4.7"
_OPTIONS = (
    "--mysqlx=OFF",
    "--skip-log-bin",
    "--local-infile=1",
    "--secure-file-priv=NULL",
    "--innodb-buffer-pool-size=128M",
    "--innodb-redo-log-capacity=32M",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-use-native-aio=0",
    "--max-allowed-packet=64M",
)


_MISSING = (
    "the tests on MySQL need one of: a `mysqld` of MySQL (not MariaDB) with its client `mysql` on "
    f"the PATH, a Docker engine that can pull {IMAGE}, or root on Debian, which gets MySQL from "
    "sid's packages. The tests start a private server; none has to be running."
)


@dataclass(frozen=True)
class _Programs:
    """Where `mysqld` and `mysql` are."""

    root: Path | None  #: a root folder that they need; None: this machine's own
    mysqld: str
    mysql: str

    def enter(self, folder: Path) -> list[str]:
        """Return the prefix of a program that works in `folder`."""
        return [] if self.root is None else enter_root(self.root, folder)

    def client(self) -> tuple[str, ...]:
        """Return the command of the client, which needs no files."""
        change = () if self.root is None else ("chroot", str(self.root))
        return (*change, self.mysql, "--no-defaults")


@contextmanager
def start_mysql(*options: str) -> Iterator[SqlServer]:
    """Run a server with these further options, and remove it with its data at the end.

    Raises:
        RuntimeError: no MySQL can be had here; the message names what is missing.
    """
    programs = find_programs()
    launch = _launch_container if programs is None else partial(_launch, programs)
    with run_server(
        "mysql", partial(_prepare, programs), partial(launch, options=options)
    ) as server:
        yield server


@cache
def find_programs() -> _Programs | None:
    """Find MySQL's programs, or make them; None: docker runs its image.

    Raises:
        RuntimeError: none can be had here.
    """
    mysqld, mysql = find_program("mysqld"), find_program("mysql")
    if mysqld and mysql and _is_mysql(mysqld):
        return _Programs(None, mysqld, mysql)
    if docker_runs() and _has_image():
        return None
    if can_make_root():
        return _Programs(sid_root(), "mysqld", "mysql")
    raise RuntimeError(_MISSING)


def explain_missing() -> str | None:
    """Return what is missing for a MySQL here, None when one can be had."""
    mysqld = find_program("mysqld")
    if (mysqld and _is_mysql(mysqld)) or can_make_root() or (docker_runs() and _has_image()):
        return None
    return _MISSING


def _is_mysql(mysqld: str) -> bool:
    done = subprocess.run([mysqld, "--version"], capture_output=True, text=True)
    return done.returncode == 0 and "MariaDB" not in done.stdout


def _has_image() -> bool:
    commands = (["docker", "image", "inspect", IMAGE], ["docker", "pull", "--quiet", IMAGE])
    return any(subprocess.run(c, capture_output=True).returncode == 0 for c in commands)


def _prepare(programs: _Programs | None, folder: Path) -> None:
    if programs is not None:
        shutil.copytree(_empty_data_folder(programs) / "data", folder / "data")


def _launch(
    programs: _Programs, folder: Path, port: int, options: tuple[str, ...] = ()
) -> SqlServer:
    command = [*with_parent(), *programs.enter(folder), programs.mysqld, "--no-defaults"]
    command += [f"--user={user_name()}", f"--datadir={folder}/data", f"--tmpdir={folder}"]
    command += [f"--socket={folder}/s.sock", f"--pid-file={folder}/pid", "--bind-address=127.0.0.1"]
    return SqlServer(port, folder, _run(folder, command, port, options), programs.client())


def _launch_container(folder: Path, port: int, options: tuple[str, ...] = ()) -> SqlServer:
    name = f"sqltune-test-{os.getpid()}-{port}"
    command = ["docker", "run", "--rm", f"--name={name}", "--network=host"]
    command += ["--env=MYSQL_ALLOW_EMPTY_PASSWORD=1", "--env=MYSQL_ROOT_HOST=127.0.0.1", IMAGE]
    process = _run(folder, command, port, options)
    return SqlServer(port, folder, process, ("docker", "exec", "-i", name, "mysql"), name)


def _run(
    folder: Path, command: list[str], port: int, options: tuple[str, ...]
) -> subprocess.Popen[bytes]:
    with (folder / "error.log").open("ab") as log:
        whole = [*command, f"--port={port}", *_OPTIONS, *options]
        return subprocess.Popen(whole, stdout=log, stderr=log)


@cache
def _empty_data_folder(programs: _Programs) -> Path:
    """Make an empty data folder once per test session; each server gets a copy."""
    folder = make_folder("mysql")
    command = [*programs.enter(folder), programs.mysqld, "--no-defaults", "--initialize-insecure"]
    command += [f"--user={user_name()}", f"--datadir={folder}/data", "--innodb-use-native-aio=0"]
    command += ["--skip-log-bin", "--innodb-redo-log-capacity=32M"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"mysqld --initialize-insecure failed:\n{done.stdout}{done.stderr}")
    return folder


def remove_template() -> None:
    """Remove the empty data folder, if one was made."""
    programs = find_programs() if _empty_data_folder.cache_info().currsize else None
    if programs is not None:
        shutil.rmtree(_empty_data_folder(programs), ignore_errors=True)
        _empty_data_folder.cache_clear()
