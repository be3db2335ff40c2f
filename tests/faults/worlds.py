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

ROOT = Path(__file__).parents[2]
KILLED = -9
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
    said: str
    hits: tuple[Hit, ...]
    asked: tuple[tuple[str | None, str], ...]  #: adapter (None: base model) and prompt key


class Nursery:
    """The process that forks commands; see nursery.py."""

    def __init__(self, *imported: str, program: str = "tests.faults.nursery") -> None:
        """Start it; it imports these modules too, and `program` says what a child is."""
        others = ("SQLTUNE_", "GRADIENT_", "PYTHON")
        clean = {k: v for k, v in os.environ.items() if not k.startswith(others)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", program, *imported],
            cwd=ROOT,
            # An HTTP client wants to have some certificates.
            env=clean | _ENVIRONMENT | ({} if "httpx" in imported else FEW_CERTIFICATES),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, task: dict[str, Any]) -> int:
        """Run a command in a child; gives its exit code, KILLED if it was."""
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

    def __init__(self, stage: Stage, nursery: Nursery, **environment: str) -> None:
        """Give the command these further variables of its environment."""
        self.stage = stage
        self._environment = environment
        self._people = People(stage.url)
        self._nursery = nursery
        self.play()

    def play(self, **script: Any) -> None:
        """Write what the scripted backend plays from now on: slowly enough to tell each step."""
        known = {"slots": 1, "steps_per_epoch": 2, "step_delay_seconds": 0.01}
        content = json.dumps({**known, **script})
        (self.stage.folder / "script.json").write_text(content, encoding="utf-8")

    @contextmanager
    def people(self) -> Iterator[People]:
        """Give who writes and reads rows; nobody is connected outside of the block."""
        try:
            yield self._people
        finally:
            # A file is copied and replaced, and nobody may have it open.
            self._people.close()

    def fill(self, command: Sequence[str]) -> tuple[str, ...]:
        """Give a command with the last run's id in place of LAST."""
        if "LAST" not in command:
            return tuple(command)
        with self.people() as people:
            last = str(people.value("SELECT MAX(run_id) FROM runs"))
        return tuple(last if word == "LAST" else word for word in command)

    def run(self, *command: str, target: Hit | None = None) -> Passed:
        """Run a command; with a target it is killed there."""
        trace, output = (self.stage.folder / name for name in ("trace.txt", "output.txt"))
        for file in (trace, output):
            file.unlink(missing_ok=True)
        code = self._nursery.run(
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

    def well(self, *command: str) -> Passed:
        """Run a command that must end by itself, however its runs end."""
        passed = self.run(*command)
        assert passed.code in (0, 1, 3), f"{command}: exit {passed.code}\n{passed.said}"
        return passed

    def recover(self, commands: Sequence[Sequence[str]]) -> list[Passed]:
        """Let the dead runner's lease end, and run these commands."""
        with self.people() as people:
            people.do("UPDATE adapter_states SET lease_until_ms = 0 WHERE lease_owner IS NOT NULL")
        return [self.well(*command) for command in commands]

    def stored_answers(self) -> set[tuple[str | None, str]]:
        """Give adapter (None: base model) and prompt key of what the unfinished run has answered.

        Its answers are not to be asked again.
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
        """Give every row of every table."""
        with self.people() as people:
            return read_all(people.database)


def _read_trace(trace: Path) -> tuple[tuple[Hit, ...], tuple[tuple[str | None, str], ...]]:
    hits, asked = [], []
    for line in trace.read_text("utf-8").splitlines() if trace.exists() else ():
        told = json.loads(line)
        if len(told) == 4:
            hits.append(Hit(*told))
        else:
            adapter, keys = told[1]
            asked += [(adapter, key) for key in keys]
    return tuple(hits), tuple(asked)
