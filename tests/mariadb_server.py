"""A private MariaDB: its own process, a random port, a temporary folder; gone when it is closed.

It never touches a server that it did not start. Without a `mariadbd` on this machine it uses docker
where that runs, installs the server's binaries where it may (root on Debian or Ubuntu), and says
what to type otherwise.
"""

from __future__ import annotations

import ctypes
import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import pymysql

_PACKAGES = ("mariadb-server-core", "mariadb-client-core")
_INSTALL = ("apt-get", "install", "--yes", "--no-install-recommends", *_PACKAGES)
_IMAGE = "mariadb:10.11"
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin:/opt/homebrew/bin"
_START_SECONDS = 60.0


class MariadbServer:
    """A running server; user root needs no password, and only this machine reaches it."""

    def __init__(self, *, template: Path | None = None, options: Sequence[str] = ()) -> None:
        """Start it.

        Args:
            template: a data folder to copy instead of making one, see `make_template`.
            options: further options of mariadbd.
        """
        self.folder = Path(tempfile.mkdtemp(prefix="sqltune-mariadb-"))
        self.socket_path = self.folder / "s.sock"
        self.port = 0
        self._options = list(options)
        self._process: subprocess.Popen[bytes] | None = None
        self._container: str | None = None
        try:
            self._start(template)
        except BaseException:
            self.close()
            raise

    def url(self, driver: str, database: str, *, user: str = "root", password: str = "") -> str:
        """Give an address; driver is mysql+pymysql or singlestoredb."""
        login = f"{user}:{password}" if password else user
        return f"{driver}://{login}@127.0.0.1:{self.port}/{database}"

    def execute(self, *statements: str, database: str | None = None) -> list[tuple[object, ...]]:
        """Run statements as root and give the rows of the last one."""
        connection = pymysql.connect(
            host="127.0.0.1", port=self.port, user="root", database=database, autocommit=True
        )
        rows: list[tuple[object, ...]] = []
        with connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
                rows = list(cursor.fetchall())
        return rows

    def create_database(self, name: str) -> None:
        """Make an empty database, as sql/README.md tells people to."""
        self.execute(
            f"CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"
        )

    def drop_database(self, name: str) -> None:
        """Remove a database."""
        self.execute(f"DROP DATABASE IF EXISTS {name}")

    def client(self, script: str, database: str, *, time_zone: str = "+00:00") -> str:
        """Run a script with the `mariadb` client, as a person would, and give what it printed."""
        command = ["mariadb", "--no-defaults", "--protocol=tcp", "--host=127.0.0.1"]
        command += [f"--port={self.port}", "--user=root", "--batch", "--skip-column-names"]
        command += ["--default-character-set=utf8mb4", database]
        command += [f"--init-command=SET SESSION time_zone = '{time_zone}'"]
        if self._container is not None:
            command = ["docker", "exec", "-i", self._container, *command]
            command = ["--port=3306" if part.startswith("--port=") else part for part in command]
        done = subprocess.run(
            command, input=script, capture_output=True, text=True, env=_environment(), check=False
        )
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return done.stdout

    def close(self) -> None:
        """Stop the server and remove all that it wrote."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()  # nothing in it is worth an orderly end
            self._process.wait()
        if self._container is not None:
            subprocess.run(["docker", "rm", "-f", self._container], capture_output=True, check=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self, template: Path | None) -> None:
        if find_program("mariadbd") is None and _docker_runs():
            self._start_container()
        else:
            self._start_process(template or make_template(self.folder / "template"))
        self._wait()

    def _start_process(self, template: Path) -> None:
        shutil.copytree(template, self.folder / "data")
        (self.folder / "tmp").mkdir()
        self.port = _free_port()
        log = (self.folder / "log").open("wb")
        self._process = subprocess.Popen(
            [
                *(str(find_program("mariadbd")), "--no-defaults", f"--user={getpass.getuser()}"),
                *(f"--datadir={self.folder / 'data'}", f"--socket={self.socket_path}"),
                *(f"--tmpdir={self.folder / 'tmp'}", f"--pid-file={self.folder / 'pid'}"),
                *(f"--port={self.port}", "--bind-address=127.0.0.1", "--skip-name-resolve"),
                *("--performance-schema=0", "--innodb-log-file-size=32M"),
                *("--innodb-buffer-pool-size=128M", "--innodb-flush-log-at-trx-commit=0"),
                *("--innodb-use-native-aio=0", "--innodb-flush-method=nosync"),
                *("--max-allowed-packet=64M", "--default-time-zone=+00:00", *self._options),
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
            preexec_fn=_die_with_parent,
        )
        log.close()

    def _start_container(self) -> None:
        command = ["docker", "run", "--detach", "--publish=127.0.0.1::3306"]
        command += [f"--volume={self.folder}:{self.folder}"]
        command += ["--env=MARIADB_ALLOW_EMPTY_ROOT_PASSWORD=1", _IMAGE]
        command += ["--skip-name-resolve", "--default-time-zone=+00:00", *self._options]
        self._container = _output(command)
        self.port = int(_output(["docker", "port", self._container, "3306/tcp"]).split(":")[-1])

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                self.execute("SELECT 1")
                return
            except pymysql.err.OperationalError as error:
                if error.args[0] not in (2003, 2013):
                    return  # it speaks, for instance to say that it wants TLS
                if time.monotonic() > deadline or self._has_ended():
                    raise RuntimeError(f"mariadbd did not start:\n{self._log()}") from error
                time.sleep(0.05)

    def _has_ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def _log(self) -> str:
        path = self.folder / "log"
        return path.read_text("utf-8", "replace")[-4000:] if path.exists() else ""


def find_program(name: str) -> str | None:
    """Give the path of a program, also where servers are kept."""
    return shutil.which(name, path=_PATH)


def make_template(folder: Path) -> Path:
    """Make a data folder, to be copied by each server."""
    ensure_installed()
    subprocess.run(
        [
            *(str(find_program("mariadb-install-db")), "--no-defaults", f"--datadir={folder}"),
            *("--auth-root-authentication-method=normal", "--skip-test-db"),
            *("--innodb-log-file-size=32M", f"--user={getpass.getuser()}"),
        ],
        check=True,
        capture_output=True,
        env=_environment(),
    )
    return folder


def ensure_installed() -> None:
    """Install the server's binaries if there are none and we may; else say how."""
    if find_program("mariadbd") is not None and find_program("mariadb-install-db") is not None:
        return
    if os.geteuid() != 0 or find_program("apt-get") is None:
        raise RuntimeError(
            "the database tests need the MariaDB server's binaries (no service): run\n"
            f"    sudo {' '.join(_INSTALL)}\n"
            "on Debian or Ubuntu, or start docker"
        )
    print(f"installing {' '.join(_PACKAGES)} for the database tests", file=sys.stderr)
    environment = _environment() | {"DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update"], check=True, capture_output=True, env=environment)
    subprocess.run(list(_INSTALL), check=True, capture_output=True, env=environment)


def _docker_runs() -> bool:
    if find_program("docker") is None:
        return False
    return subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0


def _output(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    return done.stdout.strip()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _environment() -> dict[str, str]:
    return os.environ | {"PATH": _PATH}


def _die_with_parent() -> None:
    """On Linux, let the server end with the tests even when they are killed."""
    if sys.platform == "linux":
        set_parent_death_signal = 1  # PR_SET_PDEATHSIG of prctl(2)
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
