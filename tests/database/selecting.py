"""Helpers of the selection tests: an adapter, its lease, a run, and what a selection stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import text

from sqltune.database.connection import Database
from sqltune.database.run_scope import RunScope
from sqltune.database.tables import states
from sqltune.records import Adapter, Claim
from sqltune.selection import (
    ModelLimits,
    SelectionReader,
    fingerprint_prompts,
    fingerprint_samples,
    freeze_eval_prompts,
    write_manifest,
)
from sqltune.selection.content_hash import Fingerprint
from sqltune.selection.eval_prompts import ChooseScorer, FrozenPrompts
from sqltune.selection.manifest import Manifest
from sqltune.selection.training_rows import CheckConversation, TooLong

NOW = datetime(2026, 11, 23, 6, 0)
ADAPTER = Adapter(
    adapter_name="helpdesk",
    base_model="owner/model",
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


def never_stop() -> None:
    """Let the work continue."""


@dataclass
class Desk:
    """One adapter, claimed, on one database."""

    database: Database
    claim: Claim
    adapter: Adapter = ADAPTER
    selection_database: Database | None = None

    def scope(self, run_id: int = 1, check: Callable[[], None] = never_stop) -> RunScope:
        """Return what a run of the adapter works in."""
        return RunScope(self.database, self.claim, run_id, check, lambda: NOW)

    def reader(
        self, check: Callable[[], None] = never_stop, timeout_seconds: float = 600.0
    ) -> SelectionReader:
        """Return what reads the adapter's selections."""
        return SelectionReader(self.selection_database or self.database, check, timeout_seconds)

    def write(
        self,
        run_id: int = 1,
        *,
        check: Callable[[], None] = never_stop,
        timeout_seconds: float = 600.0,
        too_long: TooLong | None = None,
        on_progress: Callable[[int], None] = lambda rows: None,
        check_conversation: CheckConversation | None = None,
        **changes: Any,
    ) -> Manifest:
        """Write a manifest of the adapter, whose row is changed as asked."""
        return write_manifest(
            self.scope(run_id, check),
            self.reader(check, timeout_seconds),
            replace(self.adapter, **changes),
            limits=ModelLimits(too_long, check_conversation),
            on_progress=on_progress,
        )

    def freeze(
        self,
        run_id: int = 1,
        *,
        scorers: Mapping[str, bool] | None = None,
        choose_scorer: ChooseScorer | None = None,
        **changes: Any,
    ) -> FrozenPrompts:
        """Freeze the evaluation prompts of the adapter, whose row is changed as asked."""
        return freeze_eval_prompts(
            self.scope(run_id),
            self.reader(),
            replace(self.adapter, **changes),
            scorers=scorers,
            choose_scorer=choose_scorer,
        )

    def fingerprint(self) -> Fingerprint:
        """Return the fingerprint of the adapter's samples, read without writing."""
        return fingerprint_samples(self.reader(), self.adapter)

    def prompt_fingerprint(self) -> Fingerprint:
        """Return the fingerprint of the adapter's evaluation prompts, read without writing."""
        return fingerprint_prompts(self.reader(), self.adapter)

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

    def manifest_fingerprint(self, manifest_id: int) -> str:
        """Return the fingerprint of a manifest's own samples."""
        ((fingerprint,),) = self.rows(
            f"SELECT fingerprint FROM manifests WHERE manifest_id = {manifest_id}"
        )
        return str(fingerprint)

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
