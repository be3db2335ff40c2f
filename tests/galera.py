"""A private cluster of three MariaDB nodes on loopback: Galera, gone after the tests.

A node is a process that can be killed and started again; the data of one that returns is removed
and sent again by a living node. The programs are the machine's own; as root on Debian or Ubuntu,
what is missing is installed (no service is set up or started).
"""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pymysql
from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from tests.mariadb_server import OPTIONS, empty_data_folder
from tests.programs import (
    find_program,
    install_packages,
    may_install,
    run_apt,
    user_name,
    with_parent,
)
from tests.sql_server import SqlServer, create_user, make_folder

NODES = 3
#: How a joining node gets its data from a living one; a script that comes with the server.
TRANSFER = "wsrep_sst_rsync"
#: What Debian calls them, and a program of each; Galera itself is a library.
PACKAGES = {
    "mariadb-server-core": "mariadbd",
    "mariadb-client-core": "my_print_defaults",
    "galera-4": None,
    "rsync": "rsync",
    "iproute2": "ss",
}
_PROVIDERS = (
    "/usr/lib/galera/libgalera_smm.so",
    "/usr/lib64/galera-4/libgalera_smm.so",
    "/usr/lib64/galera/libgalera_smm.so",
    "/usr/lib/libgalera_smm.so",
)
_PATIENCE_SECONDS = 120
_PORTS = range(15_000, 32_000)


class Node:
    """One server of the cluster; its ports and its folder outlive its process."""

    def __init__(self, number: int, folder: Path, cluster_name: str) -> None:
        self.number = number
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None
        self._cluster_name = cluster_name
        self._port, self.group_port, self._replay_port, self._transfer_port = free_ports(4)

    @property
    def is_alive(self) -> bool:
        """Whether its process runs."""
        return self.process is not None and self.process.poll() is None

    @property
    def server(self) -> SqlServer:
        """The node as a server of its own."""
        assert self.process is not None, f"node {self.number} was never started"
        client = (find_program("mariadb") or "mariadb", "--no-defaults")
        return SqlServer(self._port, self.folder, self.process, client)

    def url(self, database: str) -> str:
        """Return the address of a database on this node, also while it is dead."""
        return self.server.url("mysql+pymysql", database)

    def start(self, members: list[Node]) -> None:
        """Begin a cluster, or join its living members; return when the node takes statements."""
        self.folder.mkdir(exist_ok=True)
        data = self.folder / "data"
        shutil.rmtree(data, ignore_errors=True)
        if members:
            data.mkdir()
        else:
            shutil.copytree(empty_data_folder(), data)
        user = server_user()
        _give_to(self.folder, user)
        command = [*with_parent(), find_program("mariadbd") or "mariadbd", "--no-defaults"]
        command += [f"--user={user}", f"--datadir={data}", f"--socket={self.folder}/s.sock"]
        command += [f"--pid-file={self.folder}/pid", f"--tmpdir={self.folder}"]
        command += [f"--port={self._port}", *OPTIONS, *self._cluster_options(members)]
        with (self.folder / "error.log").open("ab") as log:
            self.process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                env=_environment(),
                user=user if os.geteuid() == 0 else None,
            )
        self._await_ready()

    def kill(self) -> None:
        """End the node without warning."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def _cluster_options(self, members: list[Node]) -> list[str]:
        group = ",".join(f"127.0.0.1:{node.group_port}" for node in members)
        provider = {
            "gmcast.listen_addr": f"tcp://127.0.0.1:{self.group_port}",
            "ist.recv_addr": f"127.0.0.1:{self._replay_port}",
            "gcache.size": "16M",
            "pc.recovery": "false",
        }
        options = [
            "--binlog-format=ROW",
            "--innodb-autoinc-lock-mode=2",
            "--wsrep-on=ON",
            f"--wsrep-provider={find_provider()}",
            f"--wsrep-cluster-name={self._cluster_name}",
            f"--wsrep-cluster-address=gcomm://{group}",
            f"--wsrep-node-name=node{self.number}",
            f"--wsrep-node-address=127.0.0.1:{self.group_port}",
            "--wsrep-sst-method=rsync",
            f"--wsrep-sst-receive-address=127.0.0.1:{self._transfer_port}",
            "--wsrep-provider-options=" + ";".join(f"{k}={v}" for k, v in provider.items()),
        ]
        return options if members else [*options, "--wsrep-new-cluster"]

    def _await_ready(self) -> None:
        looking = Retrying(
            retry=retry_if_result(lambda state: state != "Synced" and self.is_alive),
            wait=wait_fixed(0.05),
            stop=stop_after_delay(_PATIENCE_SECONDS),
            retry_error_callback=lambda state: None,
        )
        if looking(self._read_state) == "Synced":
            return
        log = (self.folder / "error.log").read_text("utf-8", "replace")[-3000:]
        raise RuntimeError(f"node {self.number} of the private cluster did not start:\n{log}")

    def _read_state(self) -> str | None:
        try:
            rows = self.server.execute("SHOW STATUS LIKE 'wsrep_local_state_comment'")
        except pymysql.err.MySQLError:
            return None
        return str(rows[0][1]) if rows else None


class Cluster:
    """Three nodes with the same rows."""

    def __init__(self, folder: Path) -> None:
        self.nodes = [Node(number, folder / f"n{number}", folder.name) for number in range(NODES)]

    @property
    def living(self) -> list[Node]:
        """The nodes whose processes run."""
        return [node for node in self.nodes if node.is_alive]

    def start(self) -> None:
        """Start the nodes that do not run, one after another."""
        for node in self.nodes:
            if not node.is_alive:
                node.start(self.living)

    def stop(self) -> None:
        """Kill all nodes, whose data is removed."""
        for node in reversed(self.nodes):
            node.kill()


@contextmanager
def start_cluster() -> Iterator[Cluster]:
    """Run a cluster, and remove it with its data at the end."""
    prepare_cluster()
    folder = make_folder("galera")
    folder.chmod(0o755)
    cluster = Cluster(folder)
    try:
        cluster.start()
        create_user(cluster.nodes[0].server)
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)
        remove_transfer_scripts()


@cache
def prepare_cluster() -> None:
    """Ensure that a cluster can be started here.

    Raises:
        RuntimeError: something is missing, and this user may not install it; says what to do.
    """
    missing = [package for package, program in PACKAGES.items() if not _has(package, program)]
    if missing:
        install_packages(missing, purpose="the cluster of the tests")


def find_provider() -> str | None:
    """Find Galera's library, which makes servers a cluster."""
    return next((path for path in _PROVIDERS if Path(path).exists()), None)


def _has(package: str, program: str | None) -> bool:
    return find_provider() is not None if program is None else find_program(program) is not None


@cache
def transfer_folder() -> Path:
    """Return the folder of the transfer scripts, unpacked without installing a service."""
    installed = find_program(TRANSFER)
    if installed:
        return Path(installed).parent
    folder = Path(tempfile.mkdtemp(prefix="sqltune-transfer-"))
    folder.chmod(0o755)
    if find_program("apt-get") is None or find_program("dpkg-deb") is None:
        raise RuntimeError(
            f"the cluster of the tests needs {TRANSFER}, of MariaDB's server package"
        )
    update = ("apt-get update",) if may_install() else ()
    run_apt(*update, "apt-get download mariadb-server", folder=folder)
    (package,) = folder.glob("*.deb")
    subprocess.run(["dpkg-deb", "--extract", package, folder / "unpacked"], check=True)
    return folder / "unpacked" / "usr" / "bin"


def remove_transfer_scripts() -> None:
    """Remove the scripts that were unpacked, if any."""
    if transfer_folder.cache_info().currsize and not find_program(TRANSFER):
        shutil.rmtree(transfer_folder().parents[2])
        transfer_folder.cache_clear()


def free_ports(count: int) -> list[int]:
    """Return ports below those that outgoing connections take: a node keeps its own."""
    found: list[int] = []
    while len(found) < count:
        port = random.SystemRandom().choice(_PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in found:
            found.append(port)
    return found


def server_user() -> str:
    """Return the user that runs the nodes: never root, whose rsync would write as another user."""
    return "nobody" if os.geteuid() == 0 else user_name()


def _give_to(folder: Path, user: str) -> None:
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            shutil.chown(path, user)


def _environment() -> dict[str, str]:
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    return {"PATH": f"{transfer_folder()}{os.pathsep}{path}", "LC_ALL": "C"}
