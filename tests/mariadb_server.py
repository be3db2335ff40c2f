"""A private MariaDB for the tests, which also plays SingleStore for the singlestoredb driver.

It is made of the machine's own `mariadbd`; without one docker runs it, and root on Debian or Ubuntu
gets the server's binaries installed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path

from tests.programs import docker_runs, find_program, install_packages, user_name, with_parent
from tests.sql_server import SqlServer, becomes_ready, make_folder, run_server

PACKAGES = ("mariadb-server-core", "mariadb-client-core", "sqlite3")
#: What the tests run of them.
PROGRAMS = ("mariadbd", "mariadb-install-db", "mariadb", "sqlite3")
IMAGE = "mariadb:10.11"
OPTIONS = (
    "--bind-address=127.0.0.1",
    "--skip-name-resolve",
    "--performance-schema=0",
    "--character-set-server=utf8mb4",
    "--innodb-buffer-pool-size=128M",
    "--innodb-log-file-size=32M",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-use-native-aio=0",
    "--max-allowed-packet=64M",
)
#: Names SingleStore in VERSION(). The number is the last before MySQL renamed `tx_isolation`, which
#: SingleStore knows by both names and MariaDB 10.11 by the old one alone.
AS_SINGLESTORE = "--version=5.7.19-SingleStore-played-by-MariaDB"


@contextmanager
def start_server(*options: str) -> Iterator[SqlServer]:
    """Run a server with these further options, and remove it with its data at the end."""
    prepare_machine()
    with run_server("mariadb", _prepare, partial(_launch, options=options)) as server:
        yield server


def kill_and_start_again(server: SqlServer) -> SqlServer:
    """Kill a server in the middle of whatever it does, and start it on the same data and port."""
    server.process.kill()
    server.process.wait()
    again = _launch(server.folder, server.port)
    if not becomes_ready(again):
        raise RuntimeError("the private MariaDB did not start again")
    return again


@cache
def prepare_machine() -> None:
    """Ensure that a server can be started here.

    Raises:
        RuntimeError: there is no server, no docker, and nothing that this user may install.
    """
    if not all(map(find_program, PROGRAMS)) and not docker_runs():
        install_packages(PACKAGES, purpose="a private MariaDB server for the tests")


def _prepare(folder: Path) -> None:
    if find_program("mariadbd"):
        shutil.copytree(empty_data_folder(), folder / "data")


def _launch(folder: Path, port: int, options: tuple[str, ...] = ()) -> SqlServer:
    mariadbd = find_program("mariadbd")
    container = None if mariadbd else f"sqltune-test-{os.getpid()}-{port}"
    if mariadbd:
        command = [*with_parent(), mariadbd, "--no-defaults", f"--user={user_name()}"]
        command += [f"--datadir={folder}/data", f"--socket={folder}/s.sock"]
        command += [f"--pid-file={folder}/pid", f"--tmpdir={folder}", f"--port={port}"]
    else:
        command = ["docker", "run", "--rm", f"--name={container}", "--network=host"]
        command += [f"--volume={folder}:{folder}", "--env=MARIADB_ALLOW_EMPTY_ROOT_PASSWORD=1"]
        command += ["--env=MARIADB_ROOT_HOST=127.0.0.1", IMAGE, f"--port={port}"]
    with (folder / "error.log").open("ab") as log:
        process = subprocess.Popen([*command, *OPTIONS, *options], stdout=log, stderr=log)
    return SqlServer(port, folder, process, _client_program(container), container)


def _client_program(container: str | None) -> tuple[str, ...]:
    if container is not None:
        return ("docker", "exec", "-i", container, "mariadb")
    return (find_program("mariadb") or "mariadb", "--no-defaults")


@cache
def empty_data_folder() -> Path:
    """Make an empty data folder once per test session; each server gets a copy."""
    folder = make_folder("mariadb")
    command = [find_program("mariadb-install-db") or "mariadb-install-db", "--no-defaults"]
    command += [f"--user={user_name()}", f"--datadir={folder}", "--skip-test-db"]
    command += ["--auth-root-authentication-method=normal", "--innodb-log-file-size=32M"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return folder


def remove_template() -> None:
    """Remove the empty data folder, if one was made."""
    if empty_data_folder.cache_info().currsize:
        shutil.rmtree(empty_data_folder(), ignore_errors=True)
        empty_data_folder.cache_clear()
