"""One stage with the command on it: run, killed at a point, run again until it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from tests.end_to_end.command import People
from tests.faults.hooks import Hit
from tests.faults.stages import Stage, read_all
from tests.serving import SLUG, ServerAtWork

ROOT = Path(__file__).parents[2]
KILLED = -9
#: Exit codes of a command that ends as it should: done, failed, refused by the gate, interrupted.
_CODES = (0, 1, 3, 128)
Command = tuple[str, ...]
SYNC: Command = ("sync",)
#: A word of a command that is replaced by the id of the adapter's last run.
LAST_RUN = "LAST"
#: PyMySQL reads all certificates of the machine for each connection, which takes 25 ms.
FEW_CERTIFICATES = {"SSL_CERT_FILE": os.devnull}
_ENVIRONMENT = {
    "COLUMNS": "160",
    # No thread may live when a child is forked.
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}


@dataclass(frozen=True)
class Passed:
    """What a process did before it ended."""

    code: int  #: KILLED: it was
    output: str
    hits: tuple[Hit, ...]
    asked: tuple[tuple[str | None, str], ...]  #: adapter (None: base model) and prompt key


class ForkServer:
    """The process that forks commands; see fork_server.py."""

    def __init__(self, *imported: str, program: str = "tests.faults.fork_server") -> None:
        """Start it.

        Args:
            imported: modules that it imports too.
            program: decides what a child is.
        """
        others = ("SQLTUNE_", "GRADIENT_", "PYTHON")
        clean = {k: v for k, v in os.environ.items() if not k.startswith(others)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", program, *imported],
            cwd=ROOT,
            # An HTTP client refuses an empty file of certificates.
            env=clean | _ENVIRONMENT | ({} if "httpx" in imported else FEW_CERTIFICATES),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, task: dict[str, Any]) -> int:
        """Run a command in a child, and return its exit code; KILLED if it was."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(task) + "\n")
        self._process.stdin.flush()
        return os.waitstatus_to_exitcode(int(self._process.stdout.readline()))

    def close(self) -> None:
        """End it."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()
        assert self._process.stdout
        self._process.stdout.close()


class World:
    """A stage, people who write rows on it, and the command."""

    def __init__(self, stage: Stage, fork_server: ForkServer, **environment: str) -> None:
        """Give the command these further variables of its environment."""
        self.stage = stage
        self._environment = environment
        self._people = People(stage.url)
        self._fork_server = fork_server
        self.play()

    def play(self, **script: Any) -> None:
        """Write what the scripted backend plays from now on: slow enough to record each step."""
        known = {"slots": 1, "steps_per_epoch": 2, "step_delay_seconds": 0.01}
        content = json.dumps({**known, **script})
        (self.stage.folder / "script.json").write_text(content, encoding="utf-8")

    @contextmanager
    def people(self) -> Iterator[People]:
        """Yield the people; they have no connection outside of the block."""
        try:
            yield self._people
        finally:
            # A file is copied and replaced, which must not be open meanwhile.
            self._people.close()

    def fill(self, command: Command) -> Command:
        """Return a command with the id of the last run in place of LAST_RUN."""
        if LAST_RUN not in command:
            return command
        with self.people() as people:
            last = str(people.value("SELECT MAX(run_id) FROM runs"))
        return tuple(last if word == LAST_RUN else word for word in command)

    def run(self, *command: str, target: Hit | None = None) -> Passed:
        """Run a command; with a target it is killed there."""
        trace, output = (self.stage.folder / name for name in ("trace.txt", "output.txt"))
        for file in (trace, output):
            file.unlink(missing_ok=True)
        code = self._fork_server.run(
            {
                "folder": str(self.stage.folder),
                "command": command,
                "environment": {
                    "SQLTUNE_DATABASE_URL": self.stage.url,
                    "SQLTUNE_SCRIPT": "script.json",
                    # What failed stays so: a sync that repeats a killed one must not try again.
                    "SQLTUNE_RETRY_WAIT_SECONDS": "3600",
                    **self._environment,
                },
                "target": list(astuple(target))[:3] if target else None,
            }
        )
        hits, asked = _read_trace(trace)
        return Passed(code, output.read_text("utf-8"), hits, asked)

    def run_to_end(self, *command: str) -> Passed:
        """Run a command, which must not crash, however its runs end."""
        passed = self.run(*command)
        assert passed.code in _CODES, f"{command}: exit {passed.code}\n{passed.output}"
        return passed

    def kill(self, target: Hit) -> None:
        """Kill a sync at a point, which it must pass, and let its lease end."""
        assert self.run(*SYNC, target=target).code == KILLED, f"{target} was not passed"
        self.end_leases()

    def end_leases(self) -> None:
        """Let the lease of a dead runner end, and its claims of questions."""
        with self.people() as people:
            people.do("UPDATE adapter_states SET lease_until_ms = 0 WHERE lease_owner IS NOT NULL")
            people.do("UPDATE questions SET claim_expires_at = NULL WHERE state = 'answering'")

    def recover(self, commands: Sequence[Command]) -> list[Passed]:
        """Let the lease of a dead runner end, and run these commands."""
        self.end_leases()
        return [self.run_to_end(*command) for command in commands]

    def stored_answers(self) -> set[tuple[str | None, str]]:
        """Return adapter (None: base model) and prompt key of each answer of the unfinished run,
        which must not be asked again.
        """
        with self.people() as people:
            rows = people.rows(
                "SELECT r.run_id, r.phase, r.prompt_key,"
                " COALESCE(b.external_id, b.artifact_uri), COALESCE(v.external_id, v.artifact_uri)"
                " FROM responses r JOIN runs ON runs.run_id = r.run_id"
                " LEFT JOIN adapter_versions b ON b.adapter_name = runs.adapter_name"
                " AND b.version_number = runs.before_version"
                " LEFT JOIN adapter_versions v ON v.adapter_name = runs.adapter_name"
                " AND v.version_number = runs.version_number"
                " WHERE runs.finished_at IS NULL AND r.error_code IS NULL"
            )
        adapters = {"base": lambda row: None, "before": lambda row: row[3]}
        return {(adapters.get(row[1], lambda row: row[4])(row), row[2]) for row in rows}

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """Return every row of every table."""
        with self.people() as people:
            return read_all(people.database)


def local_world_on(stage: Stage, fork_server: ForkServer, model: Path) -> World:
    """Return the command with the backend `local`, and an adapter with rehearsal never synced."""
    folders = {"SQLTUNE_BASE_MODEL_FOLDERS": str(model.parent), "SQLTUNE_THREADS": "1"}
    world = World(stage, fork_server, HF_HUB_OFFLINE="1", **folders)
    with world.people() as people:
        people.declare(
            "tiny",
            backend="local",
            base_model=str(model),
            epochs=2,
            batch_size=2,
            lora_rank=2,
            rehearsal="on",
            max_new_tokens=4,
            keep_epochs=1,
        )
        add_rooms(people, "tiny")
        people.teach("tiny", "What is room 9?", "Room 9 is red.", split="validation")
    return world


def service_world_on(stage: Stage, fork_server: ForkServer, service: ServerAtWork) -> World:
    """Return the command with an account at the service, and an adapter never synced."""
    world = World(stage, fork_server, **account_at(service))
    with world.people() as people:
        people.declare(
            "served", backend="gradient", base_model=SLUG, batch_size=2, max_new_tokens=4
        )
        add_rooms(people, "served")
    return world


def account_at(service: ServerAtWork) -> dict[str, str]:
    """Return the environment of an account at a service that is asked one prompt at a time."""
    return {
        "GRADIENT_API_URL": service.base_url,
        "GRADIENT_ACCESS_TOKEN": service.token,
        "GRADIENT_WORKSPACE_ID": service.workspace,
        "SQLTUNE_GRADIENT_SLOTS": "1",
    }


def add_rooms(people: People, dataset: str) -> None:
    """Write four samples and a prompt."""
    for number in range(4):
        people.teach(dataset, f"What is room {number}?", f"Room {number} is blue.")
    people.ask(dataset, "What is room 1?", "Room 1 is blue.")


def _read_trace(trace: Path) -> tuple[tuple[Hit, ...], tuple[tuple[str | None, str], ...]]:
    hits, asked = [], []
    for line in trace.read_text("utf-8").splitlines() if trace.exists() else ():
        values = json.loads(line)
        if len(values) == 4:
            hits.append(Hit(*values))
        else:
            adapter, keys = values
            asked += [(adapter, key) for key in keys]
    return tuple(hits), tuple(asked)
