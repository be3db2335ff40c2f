"""The installed command `sqltune` as a person has it: a folder, an environment, a database.

Nothing here reaches into the program: rows go in and come out by SQL, everything else through
arguments, signals, stdout, stderr and the exit code.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from sqlalchemy import inspect, text

from tests.end_to_end.forking import ForkedProcess
from tests.singlestore_on_mariadb import open_database

Process = subprocess.Popen[str] | ForkedProcess
COMMAND = Path(sys.executable).parent / "sqltune"
#: Nothing that a test starts takes longer, however busy the machine is.
PATIENCE_SECONDS = 120.0


@dataclass(frozen=True)
class Finished:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """Everything that it wrote."""
        return self.out + self.err

    @property
    def data(self) -> Any:
        """What `--json` gave."""
        return json.loads(self.out)


class Running:
    """A command at work."""

    def __init__(self, process: Process) -> None:
        self.process = process

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def finish(self) -> Finished:
        """Wait for the end."""
        out, err = self.process.communicate(timeout=PATIENCE_SECONDS)
        return Finished(self.process.returncode, out, err)


class Sqltune:
    """The command in a folder of its own, with a script for the scripted backend."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        self.processes: list[Process] = []
        others = ("SQLTUNE_", "GRADIENT_", "PYTHON")
        clean = {k: v for k, v in os.environ.items() if not k.startswith(others)}
        self.environment = clean | {
            "SQLTUNE_DATABASE_URL": url,
            "SQLTUNE_SCRIPT": str(folder / "script.json"),
            "SQLTUNE_RETRY_WAIT_SECONDS": "0",
            "COLUMNS": "160",
        }
        self._usual = dict(self.environment)
        self.play()

    def play(self, **script: Any) -> None:
        """Write what the scripted backend plays from now on."""
        (self.folder / "script.json").write_text(json.dumps(script), encoding="utf-8")

    def __call__(self, *arguments: str, **environment: str) -> Finished:
        """Run the command to its end."""
        return self.start(*arguments, **environment).finish()

    def well(self, *arguments: str, **environment: str) -> Finished:
        """Run the command to its end, which must be 0."""
        done = self(*arguments, **environment)
        assert done.code == 0, f"exit {done.code}\n{done.said}"
        return done

    def start(self, *arguments: str, stdin: IO[str] | None = None, **environment: str) -> Running:
        """Start the command; forked, unless its streams or environment are unusual."""
        asked = {**self.environment, **environment}
        changed = {name for name, value in asked.items() if self._usual.get(name) != value}
        if stdin is None and all(name.startswith("SQLTUNE_") for name in changed):
            return self._keep(ForkedProcess(arguments, self.folder, asked))
        process = subprocess.Popen(
            [COMMAND, *arguments],
            cwd=self.folder,
            env=asked,
            stdin=subprocess.DEVNULL if stdin is None else stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            # One that is stopped by Ctrl-C must not take the tests with it.
            start_new_session=True,
        )
        return self._keep(process)

    def _keep(self, process: Process) -> Running:
        self.processes.append(process)
        return Running(process)

    def close(self) -> None:
        """End what a failing test left behind."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.communicate()


class People:
    """What people and their BI tools do: rows in and out by SQL."""

    def __init__(self, url: str) -> None:
        self.database = open_database(url)

    def do(self, statement: str, **values: object) -> None:
        """Run one statement that writes."""
        with self.database.transaction() as session:
            session.connection.execute(text(statement), values)

    def rows(self, query: str, **values: object) -> list[tuple[Any, ...]]:
        """Give the rows of a query."""
        with self.database.read() as session:
            return [tuple(row) for row in session.connection.execute(text(query), values)]

    def value(self, query: str, **values: object) -> Any:
        """Give the one value of a query."""
        ((value,),) = self.rows(query, **values)
        return value

    def count(self, table: str, condition: str = "1 = 1") -> int:
        """Count the rows of a table or view."""
        return int(self.value(f"SELECT COUNT(*) FROM {table} WHERE {condition}"))

    def insert(self, table: str, **values: object) -> None:
        """Insert one row."""
        self.insert_many(table, [values])

    def insert_many(self, table: str, rows: Sequence[Mapping[str, object]]) -> None:
        """Insert rows with equal columns in one transaction."""
        names = ", ".join(rows[0])
        places = ", ".join(f":{name}" for name in rows[0])
        statement = text(f"INSERT INTO {table} ({names}) VALUES ({places})")
        with self.database.transaction() as session:
            session.connection.execute(statement, [dict(row) for row in rows])

    def declare(self, adapter_name: str, **columns: object) -> None:
        """Declare an adapter on the scripted backend, whose gate accepts any change."""
        values = {"base_model": "toy", "backend": "scripted", "epochs": 1, "min_gain": None}
        values |= columns
        self.insert("adapters", adapter_name=adapter_name, **values)

    def teach(self, dataset: str, prompt: str, response: str, **columns: object) -> None:
        """Insert a training sample."""
        self.insert(
            "training_samples", dataset=dataset, prompt=prompt, response=response, **columns
        )

    def ask(
        self, dataset: str, prompt: str, expected: str | None = None, **columns: object
    ) -> None:
        """Insert an evaluation prompt."""
        self.insert("eval_prompts", dataset=dataset, prompt=prompt, expected=expected, **columns)

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        """Give every row of every table."""
        with self.database.read() as session:
            tables = sorted(inspect(session.connection).get_table_names())
        return {table: sorted(self.rows(f"SELECT * FROM {table}"), key=repr) for table in tables}

    def await_row(self, query: str, **values: object) -> tuple[Any, ...]:
        """Wait until a query gives a row."""
        found: list[tuple[Any, ...]] = []

        def look() -> bool:
            found[:] = self.rows(query, **values)
            return bool(found)

        await_condition(look, query)
        return found[0]

    def close(self) -> None:
        """Close the connections."""
        self.database.close()


def await_condition(holds: Callable[[], bool], what: str) -> None:
    """Look again and again until something holds."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    pause = threading.Event()
    while not holds():
        assert time.monotonic() < deadline, f"waited in vain for: {what}"
        pause.wait(0.05)


def statuses(done: Finished) -> dict[str, tuple[str, str]]:
    """Return status and detail of each check that `check --json` printed."""
    rows: list[dict[str, Any]] = done.data
    return {row["check"]: (row["status"], row["detail"]) for row in rows}
