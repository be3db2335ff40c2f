"""A private MariaDB for the tests: a random port, data in a temporary folder, gone afterwards.

It is made of the machine's own `mariadbd`; without one docker runs it, and root on Debian or Ubuntu
gets the server's binaries installed (no service is set up or started). A server that the tests did
not start is never touched.
"""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import quote

import pymysql

PACKAGES = ("mariadb-server-core", "mariadb-client-core", "sqlite3")
#: What the tests run of them.
PROGRAMS = ("mariadbd", "mariadb-install-db", "mariadb", "sqlite3")
IMAGE = "mariadb:10.11"
USER = "tester"
#: Shows in no error; its odd letters have to be escaped in an address.
PASSWORD = "pass/w@rd:1"

_FOLDERS = os.pathsep.join(
    ["/usr/sbin", "/usr/local/sbin", "/usr/libexec", "/opt/homebrew/bin", "/usr/local/bin"]
)
_START_SECONDS = 120
_ROOM_BYTES = 4_000_000_000
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


@dataclass(frozen=True)
class MariadbServer:
    """A running server and how to reach it."""

    port: int
    folder: Path
    process: subprocess.Popen[bytes]
    container: str | None  #: None: a process of this machine

    def url(self, driver: str, database: str, *, user: str = USER, password: str = PASSWORD) -> str:
        """Give the address of a database for `mysql+pymysql` or `singlestoredb`."""
        return f"{driver}://{user}:{quote(password, safe='')}@127.0.0.1:{self.port}/{database}"

    def execute(self, *statements: str, database: str | None = None) -> list[tuple[object, ...]]:
        """Run statements as the server's root; gives the rows of the last."""
        with self.connect(database) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())

    def connect(self, database: str | None = None) -> pymysql.Connection[pymysql.cursors.Cursor]:
        """Connect as the server's root, committing each statement."""
        return pymysql.connect(
            host="127.0.0.1", port=self.port, user="root", database=database, autocommit=True
        )

    def client(self, *arguments: str) -> list[str]:
        """Give the command line of the engine's own client, as root."""
        address = ["--user=root", "--host=127.0.0.1", f"--port={self.port}", *arguments]
        if self.container is None:
            return [find_program("mariadb") or "mariadb", "--no-defaults", *address]
        return ["docker", "exec", "-i", self.container, "mariadb", *address]


@contextmanager
def start_server(*options: str) -> Iterator[MariadbServer]:
    """Run a server with these further options, and remove it with its data at the end."""
    prepare_machine()
    folder = make_folder()
    try:
        server = _start(folder, options)
        try:
            create_user(server)
            yield server
        finally:
            _stop(server)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def kill_and_start_again(server: MariadbServer) -> MariadbServer:
    """Kill a server in the middle of whatever it does, and start it on the same data and port."""
    server.process.kill()
    server.process.wait()
    again = _launch(server.folder, server.port, ())
    if not _becomes_ready(again):
        raise RuntimeError("the private MariaDB did not start again")
    return again


def find_program(name: str, path: str | None = None) -> str | None:
    """Find a program also where servers are kept, which is not on everybody's PATH."""
    path = os.environ.get("PATH", "") + os.pathsep + _FOLDERS if path is None else path
    return shutil.which(name, path=path)


@cache
def prepare_machine() -> None:
    """Make sure that a server can be started here, or say what a person has to do.

    Raises:
        RuntimeError: there is no server, no docker, and nothing that this user may install.
    """
    if all(map(find_program, PROGRAMS)) or _docker_runs():
        return
    install = f"apt-get install -y --no-install-recommends {' '.join(PACKAGES)}"
    if os.geteuid() != 0 or find_program("apt-get") is None:
        raise RuntimeError(explain_missing_server(install))
    missing = ", ".join(name for name in PROGRAMS if find_program(name) is None)
    run_installer(missing, "apt-get update", install)


def run_installer(missing: str, *commands: str, folder: Path | None = None) -> None:
    """Say what is missing and run apt's commands."""
    sys.stderr.write(
        f"\nno {missing} here: installing programs alone, no service: {commands[-1]}\n"
    )
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in commands:
        subprocess.run(command.split(), check=True, env=environment, stdout=sys.stderr, cwd=folder)


def explain_missing_server(install: str) -> str:
    """Say what to do where no server can be started."""
    return (
        "the database tests need MariaDB's server; here is neither `mariadbd` nor a docker daemon. "
        f"On Debian and Ubuntu: sudo {install}. On macOS: brew install mariadb. "
        "The tests start a private server themselves; none has to be running."
    )


def _docker_runs() -> bool:
    docker = shutil.which("docker")
    if docker is None:
        return False
    return subprocess.run([docker, "info"], capture_output=True).returncode == 0


def _start(folder: Path, options: tuple[str, ...]) -> MariadbServer:
    if find_program("mariadbd"):
        shutil.copytree(empty_data_folder(), folder / "data")
    for _attempt in range(5):
        server = _launch(folder, free_port(), options)
        if _becomes_ready(server):
            return server
        _stop(server)
    log = (folder / "error.log").read_text("utf-8", "replace")[-2000:]
    raise RuntimeError(f"the private MariaDB did not start:\n{log}")


def _launch(folder: Path, port: int, options: tuple[str, ...]) -> MariadbServer:
    log = (folder / "error.log").open("ab")
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
    process = subprocess.Popen([*command, *OPTIONS, *options], stdout=log, stderr=log)
    log.close()
    return MariadbServer(port, folder, process, container)


def _becomes_ready(server: MariadbServer) -> bool:
    """Wait until the server answers; False when it has ended, maybe because its port was taken."""
    for _tick in range(_START_SECONDS * 10):
        try:
            server.connect().close()
            return True
        except pymysql.err.OperationalError:
            try:
                server.process.wait(timeout=0.1)
                return False
            except subprocess.TimeoutExpired:
                continue
    return False


def _stop(server: MariadbServer) -> None:
    if server.container is not None:
        subprocess.run(["docker", "kill", server.container], capture_output=True)
    # Its data is thrown away, so nothing has to be written down before it ends.
    server.process.kill()
    server.process.wait()


def make_folder() -> Path:
    """Make a temporary folder, in memory where there is room: DDL is several times faster there."""
    memory = Path("/dev/shm")
    has_room = memory.is_dir() and shutil.disk_usage(memory).free > _ROOM_BYTES
    return Path(tempfile.mkdtemp(prefix="sqltune-mariadb-", dir=memory if has_room else None))


@cache
def empty_data_folder() -> Path:
    """Make an empty data folder once per test session; each server gets a copy."""
    folder = make_folder()
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


def create_user(server: MariadbServer) -> None:
    """Make the user whose address `MariadbServer.url` gives."""
    server.execute(
        f"CREATE USER '{USER}'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'",
        f"GRANT ALL ON *.* TO '{USER}'@'127.0.0.1'",
    )


def free_port() -> int:
    """Give a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def user_name() -> str:
    """Give the name of who runs the tests."""
    # mariadbd refuses to run as root unless root is named.
    return getpass.getuser()


def with_parent() -> list[str]:
    """On Linux the server ends with the test process, however that one ends."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig=KILL"] if setpriv and sys.platform == "linux" else []
