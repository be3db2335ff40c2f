"""What the selection tests share: an adapter, a claim, a run, and what a selection left behind."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import text

from sqltune.database.connection import Database
from sqltune.database.tables import states
from sqltune.records import Adapter, Claim
from sqltune.selection import FrozenPrompts, Manifest, freeze_eval_prompts, write_manifest

NOW = datetime(2026, 11, 23, 6, 0)
ADAPTER = Adapter(
    adapter_name="helpdesk",
    base_model="sqltune/embedded",
    is_enabled=True,
    backend="scripted",
    base_model_revision=None,
    training_query=None,
    eval_query=None,
    epochs=3,
    learning_rate=None,
    lora_rank=None,
    lora_alpha=None,
    batch_size=None,
    rehearsal="auto",
    seed=0,
    on_bad_row="stop",
    max_skipped_share=0.01,
    scorer="token_f1",
    extra_scorers=(),
    pass_threshold=None,
    max_new_tokens=128,
    temperature=0.0,
    min_gain=None,
)


def go_on() -> None:
    """Never ask for an end."""


@dataclass
class Desk:
    """One adapter, claimed, on one database."""

    database: Database
    claim: Claim
    adapter: Adapter = ADAPTER
    selection_database: Database | None = None

    def write(self, run_id: int = 1, **changes: Any) -> Manifest:
        """Write a manifest of the adapter, changed as asked."""
        options: dict[str, Any] = {"too_long": None, "check": go_on, "now": lambda: NOW}
        for name in (*options, "on_progress", "timeout_seconds"):
            if name in changes:
                options[name] = changes.pop(name)
        return write_manifest(
            self.database,
            self.selection_database or self.database,
            self.claim,
            run_id,
            replace(self.adapter, **changes),
            **options,
        )

    def freeze(self, run_id: int = 1, **changes: Any) -> FrozenPrompts:
        """Freeze the evaluation prompts of the adapter, changed as asked."""
        scorers = changes.pop("scorers", None)
        return freeze_eval_prompts(
            self.database,
            self.selection_database or self.database,
            self.claim,
            run_id,
            replace(self.adapter, **changes),
            check=go_on,
            now=lambda: NOW,
            scorers=scorers,
        )

    def run(self, *statements: str) -> None:
        """Run statements as a person would."""
        with self.database.transaction() as session:
            for statement in statements:
                session.connection.execute(text(statement))

    def add_sample(self, prompt: str, response: str, **columns: Any) -> None:
        """Insert a row of training_samples."""
        self.add_samples([{"prompt": prompt, "response": response, **columns}])

    def add_samples(self, rows: list[dict[str, Any]]) -> None:
        """Insert rows of training_samples that name the same columns."""
        self._insert("training_samples", rows)

    def add_prompts(self, rows: list[dict[str, Any]]) -> None:
        """Insert rows of eval_prompts that name the same columns."""
        self._insert("eval_prompts", rows)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with self.database.read() as session:
            return [tuple(row) for row in session.connection.execute(text(query))]

    def issues(self) -> list[tuple[Any, ...]]:
        """Return rule, row key, column and severity of each stored finding, in order."""
        return self.rows(
            "SELECT rule, row_key, column_name, severity FROM data_issues ORDER BY issue_number"
        )

    def issue_counts(self) -> dict[str, int]:
        """Return how many rows break each rule."""
        return dict(self.rows("SELECT rule, issue_count FROM data_issue_counts"))

    def manifest_texts(self) -> list[tuple[Any, ...]]:
        """Return position, prompt and response of all samples of all manifests."""
        return self.rows(
            "SELECT m.position, c.prompt, c.response FROM manifest_samples m "
            "JOIN contents c ON c.content_hash = m.content_hash ORDER BY m.manifest_id, m.position"
        )

    def _insert(self, table: str, rows: list[dict[str, Any]]) -> None:
        filled = [{"dataset": self.adapter.adapter_name, **row} for row in rows]
        names = ", ".join(filled[0])
        marks = ", ".join(f":{name}" for name in filled[0])
        with self.database.transaction() as session:
            session.connection.execute(
                text(f"INSERT INTO {table} ({names}) VALUES ({marks})"), filled
            )


def open_desk(database: Database) -> Desk:
    """Claim the adapter."""
    claim = states.claim_adapter(
        database, ADAPTER.adapter_name, owner="test", lease_seconds=600, now=NOW
    )
    assert claim is not None
    return Desk(database, claim)
