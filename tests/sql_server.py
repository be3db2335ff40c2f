"""A private MariaDB or MySQL server of the tests: how it is reached, awaited and stopped.

Its data is in a temporary folder and gone afterwards. A server that the tests did not start is
never touched.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pymysql

USER = "tester"
#: Shows in no error; its odd letters have to be escaped in an address.
PASSWORD = "pass/w@rd:1"

_START_SECONDS = 120
_ROOM_BYTES = 4_000_000_000


@dataclass(frozen=True)
class SqlServer:
    """A running server and how to reach it."""

    port: int
    folder: Path
    process: subprocess.Popen[bytes]
    client_program: tuple[str, ...]  #: the engine's own client
    container: str | None = None  #: None: a process of this machine

    def url(self, driver: str, database: str, *, user: str = USER, password: str = PASSWORD) -> str:
        """Return the address of a database for `mysql+pymysql` or `singlestoredb`."""
        return f"{driver}://{user}:{quote(password, safe='')}@127.0.0.1:{self.port}/{database}"

    def execute(self, *statements: str, database: str | None = None) -> list[tuple[object, ...]]:
        """Run statements as the server's root and return the rows of the last."""
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
        """Return the command line of the engine's own client, as root."""
        address = ["--user=root", "--host=127.0.0.1", f"--port={self.port}"]
        return [*self.client_program, *address, *arguments]


@contextmanager
def run_server(
    name: str, prepare: Callable[[Path], None], launch: Callable[[Path, int], SqlServer]
) -> Iterator[SqlServer]:
    """Run a server on a free port, and remove it with its data at the end.

    Args:
        name: what an error calls it, and the name of its folder.
        prepare: fills its folder before the first start.
        launch: starts it in its folder on a port.
    """
    folder = make_folder(name)
    try:
        prepare(folder)
        server = _start(name, folder, launch)
        try:
            create_user(server)
            yield server
        finally:
            stop_server(server)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _start(name: str, folder: Path, launch: Callable[[Path, int], SqlServer]) -> SqlServer:
    for _attempt in range(5):
        server = launch(folder, free_port())
        if becomes_ready(server):
            return server
        stop_server(server)
    log = (folder / "error.log").read_text("utf-8", "replace")[-2000:]
    raise RuntimeError(f"the private {name} did not start:\n{log}")


def becomes_ready(server: SqlServer) -> bool:
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


def stop_server(server: SqlServer) -> None:
    """Kill the server: its data is thrown away, so it has nothing to write before it ends."""
    if server.container is not None:
        subprocess.run(["docker", "kill", server.container], capture_output=True)
    server.process.kill()
    server.process.wait()


def create_user(server: SqlServer) -> None:
    """Create the user whose address `SqlServer.url` returns."""
    server.execute(
        f"CREATE USER '{USER}'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'",
        f"GRANT ALL ON *.* TO '{USER}'@'127.0.0.1'",
    )


def make_folder(name: str) -> Path:
    """Make a temporary folder, in memory where there is room: DDL is several times faster there."""
    memory = Path("/dev/shm")
    has_room = memory.is_dir() and shutil.disk_usage(memory).free > _ROOM_BYTES
    return Path(tempfile.mkdtemp(prefix=f"sqltune-{name}-", dir=memory if has_room else None))


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
