"""Helpers of the tests about questions: a trained adapter, its runner, and rows that ask."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text

from sqltune.database.clocks import utc_now
from sqltune.database.connection import Database
from sqltune.questions.answering import Answering
from sqltune.runtime import Runtime, SilentReporter
from sqltune.settings import Settings
from sqltune.syncing.sync import sync
from sqltune.wiring import BackendShelf, new_id
from tests.end_to_end.command import await_condition

HOUR = timedelta(hours=1)
QUESTION, ANSWER = "Where is our office?", "Our office is in Utrecht."


def await_rows(office: Office, rest: str) -> None:
    """Wait until there is such a row."""
    await_condition(lambda: bool(office.rows("1", rest)), rest)


@dataclass
class Office:
    """A database with the adapter `office`, whose first version is live."""

    database: Database
    folder: Path
    shelves: list[BackendShelf] = field(default_factory=list)

    def train(self, adapter_name: str = "office") -> None:
        """Declare an adapter, and train it."""
        columns = "adapter_name, base_model, backend, min_gain"
        self.do(f"INSERT INTO adapters ({columns}) VALUES (:name, 'toy', 'scripted', NULL)",
                name=adapter_name)  # fmt: skip
        self.do(
            "INSERT INTO training_samples (dataset, prompt, response) VALUES (:name, :p, :r)",
            name=adapter_name,
            p=QUESTION,
            r=ANSWER,
        )
        sync(self.runtime(), [adapter_name], force=False, stop=threading.Event())

    def play(self, **script: Any) -> None:
        """Write what runtimes made from now on play."""
        (self.folder / "script.json").write_text(json.dumps(script))

    def runtime(self, **settings: Any) -> Runtime:
        """Return the parts of another process."""
        if not (self.folder / "script.json").exists():
            self.play()
        values = {"artifacts": self.folder, "script": self.folder / "script.json"}
        made = Settings(**{**values, **settings})
        self.shelves.append(BackendShelf(made))
        return Runtime(
            database=self.database,
            selection_database=self.database,
            backend=self.shelves[-1].get,
            settings=made,
            now=utc_now,
            new_id=new_id,
            reporter=SilentReporter(),
        )

    def answering(self, *names: str, **settings: Any) -> Answering:
        """Return what answers questions in another process."""
        return Answering(self.runtime(**settings), names, threading.Event())

    def ask(self, prompt: str | None = QUESTION, **columns: object) -> None:
        """Insert a question."""
        self.insert("questions", {"adapter_name": "office", "prompt": prompt, **columns})

    def insert(self, table: str, values: Mapping[str, object]) -> None:
        """Insert a row."""
        names, places = ", ".join(values), ", ".join(f":{name}" for name in values)
        self.do(f"INSERT INTO {table} ({names}) VALUES ({places})", **values)

    def do(self, statement: str, **values: object) -> None:
        """Run a statement that writes."""
        with self.database.transaction() as session:
            session.connection.execute(text(statement), values)

    def rows(self, columns: str, rest: str = "questions ORDER BY question_id") -> list[Any]:
        """Return rows."""
        with self.database.read() as session:
            found = session.connection.execute(text(f"SELECT {columns} FROM {rest}"))
            return [tuple(row) for row in found]

    def close(self) -> None:
        """End the threads of all backends."""
        for shelf in self.shelves:
            shelf.close()
