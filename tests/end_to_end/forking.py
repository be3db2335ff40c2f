"""A process that has the command's modules imported, and forks each command that is asked for.

Importing takes longer than most commands, and the tests run thousands. A child has the arguments,
folder, environment, streams and session of its own, and ends as the installed command does, at
exit handlers and all. What it lacks is the start of Python: it has the hash seed of the server, and
modules that it may have forgotten to import. It is a child of the server, which writes its wait
status into a pipe.

Run with a socket's number, this module is the server; `ForkedProcess` is a command in the tests.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import IO, Any, NoReturn

ROOT = Path(__file__).parents[2]
_LONGEST_TASK = 1_000_000
_STREAMS = 4  #: stdin, stdout, stderr, and the pipe for the wait status
_CHILD = {signal.SIGCHLD}
_IMPORTED = (
    *("datasketch", "httpx", "pymysql", "rich.progress", "rich.table", "scipy.stats"),
    *("singlestoredb", "sqlalchemy_singlestoredb"),
    *("sqlglot.dialects.mysql", "sqlglot.dialects.sqlite", "sqltune.backends.scripted.backend"),
    *("sqltune.cli", "sqltune.cli.comparisons", "sqltune.operations.check"),
    *("sqltune.operations.comparing", "sqltune.operations.control", "sqltune.operations.forecast"),
    *("sqltune.operations.forgetting", "sqltune.operations.row_checks", "sqltune.syncing.worker"),
)


class ForkedProcess:
    """A command that the server forked, with the part of Popen's interface that tests use."""

    def __init__(
        self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str]
    ) -> None:
        """Start the command, without input."""
        self.returncode: int | None = None
        self._status, status = os.pipe()
        os.set_blocking(self._status, False)
        out, out_child = os.pipe()
        err, err_child = os.pipe()
        stdin = os.open(os.devnull, os.O_RDONLY)
        streams = [stdin, out_child, err_child, status]
        umask = os.umask(0o077)
        os.umask(umask)
        task = {
            "arguments": list(arguments),
            "folder": str(folder),
            "environment": environment,
            "umask": umask,
        }
        try:
            self.pid = _server().fork(task, streams)
        finally:
            for stream in streams:
                os.close(stream)
        self.stdout: IO[str] | None = open(out, encoding="utf-8")  # noqa: SIM115
        self.stderr: IO[str] | None = open(err, encoding="utf-8")  # noqa: SIM115

    def poll(self) -> int | None:
        """Return the exit code, if the command has ended."""
        if self.returncode is None:
            try:
                status = os.read(self._status, 32)
            except BlockingIOError:
                return None
            assert status, "the server of forked commands has died"
            os.close(self._status)
            self.returncode = os.waitstatus_to_exitcode(int(status))
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end and return the exit code."""
        deadline = None if timeout is None else time.monotonic() + timeout
        pause = threading.Event()
        while self.poll() is None:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("sqltune", timeout or 0)
            pause.wait(0.005)
        assert self.returncode is not None
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Read both streams to their ends, wait, and return what they had."""
        read: dict[str, str] = {}

        def drain(name: str, stream: IO[str]) -> None:
            read[name] = "" if stream.closed else stream.read()
            stream.close()

        assert self.stdout is not None
        assert self.stderr is not None
        streams = (("out", self.stdout), ("err", self.stderr))
        threads = [threading.Thread(target=drain, args=each, daemon=True) for each in streams]
        for thread in threads:
            thread.start()
        deadline = None if timeout is None else time.monotonic() + timeout
        for thread in threads:
            thread.join(None if deadline is None else max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                raise subprocess.TimeoutExpired("sqltune", timeout or 0)
        self.wait(None if deadline is None else max(1.0, deadline - time.monotonic()))
        return read["out"], read["err"]

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the command has ended."""
        if self.poll() is None:
            # It may end meanwhile, and the server has waited for it then.
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """End the command at once."""
        self.send_signal(signal.SIGKILL)


@dataclass
class _Server:
    """The server, from the tests' side."""

    connection: socket.socket
    process: subprocess.Popen[bytes]
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fork(self, task: dict[str, Any], streams: list[int]) -> int:
        """Let the server fork a command; return its process id."""
        with self.lock:
            socket.send_fds(self.connection, [json.dumps(task).encode()], streams)
            answer = self.connection.recv(32)
        assert answer, "the server of forked commands has died"
        return int(answer)


@cache
def _server() -> _Server:
    # Each message is one task, whatever its length.
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.end_to_end.forking", str(theirs.fileno())],
            cwd=ROOT,
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
    return _Server(ours, process)


def serve(connection: socket.socket) -> None:
    """Fork a child for each task, until the tests have ended."""
    _import_what_commands_use()
    gc.collect()
    gc.freeze()
    waiting: dict[int, int] = {}

    def reap(*_: object) -> None:
        for child in list(waiting):
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                with suppress(BrokenPipeError), os.fdopen(waiting.pop(child), "wb") as told:
                    told.write(str(status).encode())

    signal.signal(signal.SIGCHLD, reap)
    while True:
        data, streams, *_ = socket.recv_fds(connection, _LONGEST_TASK, _STREAMS)
        if not data:
            return
        signal.pthread_sigmask(signal.SIG_BLOCK, _CHILD)
        child = os.fork()
        if child == 0:
            connection.close()
            _become(json.loads(data), streams)
        waiting[child] = streams[3]
        for stream in streams[:3]:
            os.close(stream)
        connection.send(str(child).encode())
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _CHILD)


def _become(task: dict[str, Any], streams: list[int]) -> NoReturn:
    """Be the command of a task."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _CHILD)
    os.setsid()
    for number, stream in enumerate(streams[:3]):
        os.dup2(stream, number)
    for stream in streams:
        os.close(stream)
    # Those that Python opened know other files.
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", 1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    os.chdir(task["folder"])
    os.umask(task["umask"])
    os.environ.clear()
    os.environ.update(task["environment"])
    sys.path.remove(str(ROOT))
    sys.argv = ["sqltune", *task["arguments"]]
    sqltune_cli = sys.modules["sqltune.cli"]
    sqltune_cli.main()
    sys.exit(0)


def _import_what_commands_use() -> None:
    for name in _IMPORTED:
        import_module(name)
    assert len(os.listdir("/proc/self/task")) == 1, "a child would lack this process's threads"


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
