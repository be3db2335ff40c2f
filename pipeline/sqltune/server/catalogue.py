"""The adapters of the clients: in memory for reading, in the database permanently.

Only one server uses a folder of adapters, so what it has read at its start stays true; every change
is written to the database first.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from sqltune.database.connection import Database
from sqltune.database.tables import served
from sqltune.database.tables.served import ServedAdapter, StepOutcome, UnsettledStep
from sqltune.errors import DatabaseError, TrainingError
from sqltune.local_lora.checkpoints import read_checkpoint
from sqltune.server import refusals
from sqltune.wire.gradient import ErrorType

logger = logging.getLogger(__name__)


class Catalogue:
    """All adapters that are not deleted."""

    def __init__(self, database: Database, folder: Path, now: Callable[[], datetime]) -> None:
        """Read the adapters, and settle the calls that an earlier server left open.

        Args:
            database: with our tables.
            folder: of the adapters, each in a folder of its own.
            now: returns the time, in UTC.
        """
        self._database = database
        self._now = now
        self._lock = threading.Lock()
        with database.read() as session:
            unsettled = served.list_unsettled_served_steps(session)
        for step in unsettled:
            self._settle_left_open(step, folder)
        with database.read() as session:
            found = served.list_served_adapters(session)
        self._adapters = {adapter.adapter_id: adapter for adapter in found}

    def list_all(self) -> list[ServedAdapter]:
        """Return every adapter, the oldest first."""
        with self._lock:
            return list(self._adapters.values())

    def find(self, adapter_id: str) -> ServedAdapter:
        """Return the adapter with this id.

        Raises:
            CallRefused: there is none, or it was deleted.
        """
        with self._lock:
            adapter = self._adapters.get(adapter_id)
        if adapter is None:
            raise refusals.unknown_model(adapter_id, ErrorType.UNKNOWN_ADAPTER)
        return adapter

    def add(self, adapter: ServedAdapter) -> None:
        """Store a new adapter."""
        with self._database.transaction() as session:
            served.insert_served_adapter(session, adapter)
        self._put(adapter)

    def delete(self, adapter_id: str) -> None:
        """Delete the adapter."""
        with self._database.transaction() as session:
            served.delete_served_adapter(session, adapter_id, now=self._now())
        with self._lock:
            self._adapters.pop(adapter_id, None)

    def begin_step(self, adapter_id: str, *, optimizer_steps: int, samples: int) -> int:
        """Record that a fine-tune call begins; return its number."""
        adapter = self.find(adapter_id)
        number = adapter.last_step + 1
        with self._database.transaction() as session:
            served.begin_served_step(
                session,
                adapter_id,
                number,
                optimizer_steps_before=optimizer_steps,
                sample_count=samples,
                now=self._now(),
            )
        self._put(replace(adapter, last_step=number))
        return number

    def settle_step(
        self, adapter_id: str, number: int, outcome: StepOutcome, *, seconds: float
    ) -> None:
        """Record how a fine-tune call ended.

        If the database is unavailable, the adapter is nevertheless trained and stored: the next
        start of the server settles the row.
        """
        outcome = replace(outcome, train_seconds=seconds)
        adapter = self.find(adapter_id)
        # Clients see by this time whether something was trained: it must grow, whatever the clock.
        now = max(self._now(), adapter.updated_at + timedelta(milliseconds=1))
        if outcome.state == "done":
            self._put(replace(adapter, updated_at=now))
        try:
            with self._database.transaction() as session:
                served.settle_served_step(session, adapter_id, number, outcome, now=now)
        except DatabaseError as error:
            logger.warning(
                "fine-tune call %d of %s is not settled in the database: %s",
                number,
                adapter_id,
                error,
                extra={"event": "step_not_settled", "adapter_id": adapter_id},
            )

    def _settle_left_open(self, step: UnsettledStep, folder: Path) -> None:
        """Settle a call according to the stored weights: they show whether it was done."""
        try:
            position, _ = read_checkpoint(folder / step.adapter_id)
            steps_done = position.steps_done
        except TrainingError:
            steps_done = 0
        is_done = steps_done > step.optimizer_steps_before
        outcome = StepOutcome(
            "done" if is_done else "lost",
            optimizer_steps=steps_done - step.optimizer_steps_before if is_done else None,
            error_message=None if is_done else "the server ended before the call was done",
        )
        with self._database.transaction() as session:
            served.settle_served_step(
                session, step.adapter_id, step.step_number, outcome, now=self._now()
            )

    def _put(self, adapter: ServedAdapter) -> None:
        with self._lock:
            self._adapters[adapter.adapter_id] = adapter
