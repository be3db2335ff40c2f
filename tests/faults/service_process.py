"""The service as a process of its own, which can die and be started again."""

from __future__ import annotations

import os
import re
import signal
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import astuple
from pathlib import Path
from urllib.parse import urlsplit

from sqltune.database.connection import Database
from tests.end_to_end.command import PATIENCE_SECONDS, await_condition
from tests.faults.hooks import Hit
from tests.faults.worlds import ForkServer
from tests.serving import SLUG, TOKEN, WORKSPACE, ServerAtWork

PID_FILE = "pid.txt"
_ADDRESS = re.compile(r"GRADIENT_API_URL=(\S+)\n")


class ServiceProcess:
    """One database and one folder, and the server that runs over them at the moment."""

    def __init__(
        self, fork_server: ForkServer, database: Database, url: str, folder: Path, model: Path
    ) -> None:
        """Start nothing yet.

        Args:
            fork_server: forks servers.
            database: what the tests read the server's tables with.
            url: of the same.
            folder: an empty one.
            model: the folder of its base model.
        """
        self._fork_server = fork_server
        self._database = database
        self._folder = folder
        self._code: Future[int] | None = None
        self._thread = ThreadPoolExecutor(1)
        self._environment = {
            "SQLTUNE_DATABASE_URL": url,
            "SQLTUNE_ARTIFACTS": str(folder / "artifacts"),
            "SQLTUNE_SERVE_PORT": "0",
            "SQLTUNE_SERVE_TOKEN": TOKEN,
            "SQLTUNE_SERVE_MODELS": f"{SLUG}={model}",
            "SQLTUNE_SERVE_REHEARSAL": "no",
            "SQLTUNE_THREADS": "1",
            "HF_HUB_OFFLINE": "1",
        }

    def start(self, target: Hit | None = None) -> ServerAtWork:
        """Start it, once more if it runs; with a target it dies there."""
        self.stop()
        (self._folder / "output.txt").unlink(missing_ok=True)
        task = {
            "folder": str(self._folder),
            "command": ["serve"],
            "environment": self._environment,
            "target": list(astuple(target))[:3] if target else None,
        }
        self._code = self._thread.submit(self._fork_server.run, task)
        await_condition(self._has_begun, "the server to begin")
        found = _ADDRESS.search(self._output)
        assert found, self._output
        artifacts = self._folder / "artifacts"
        self._running = ServerAtWork(found[1], TOKEN, WORKSPACE, self._database, artifacts)
        return self._running

    def get_running(self) -> ServerAtWork:
        """Return the server that runs, started if there is none."""
        return self._running if self._is_running() else self.start()

    def await_end(self) -> int:
        """Wait until it has ended, and return its exit code; KILLED if it was."""
        assert self._code is not None
        return self._code.result(PATIENCE_SECONDS)

    def stop(self) -> None:
        """End it, if it runs."""
        if self._is_running():
            pid = int((self._folder / PID_FILE).read_text("utf-8"))
            os.kill(pid, signal.SIGTERM)
            self.await_end()

    def close(self) -> None:
        """End it for good."""
        self.stop()
        self._thread.shutdown()

    def _is_running(self) -> bool:
        return self._code is not None and not self._code.done()

    @property
    def _output(self) -> str:
        output = self._folder / "output.txt"
        return output.read_text("utf-8") if output.exists() else ""

    def _has_begun(self) -> bool:
        return not self._is_running() or bool(_ADDRESS.search(self._output))


def port_of(service: ServerAtWork) -> int:
    """Return the port that it listens on."""
    port = urlsplit(service.base_url).port
    assert port is not None
    return port
