"""Adapters that clients of the local server made, and their fine-tune calls; no sync reads them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqltune.database.connection import Session
from sqltune.database.times import format_time, parse_time
from sqltune.errors import DatabaseError


@dataclass(frozen=True, slots=True)
class ServedAdapter:
    """An adapter that a client of the local server made; the options are those really used."""

    adapter_id: str
    adapter_name: str
    base_slug: str
    base_model: str
    base_model_revision: str
    lora_rank: int
    lora_alpha: int
    learning_rate: float
    rehearsal: str  #: on or off
    seed: int
    last_step: int  #: number of the last fine-tune call that was begun
    created_at: datetime
    updated_at: datetime  #: grows when weights were stored


@dataclass(frozen=True, slots=True)
class UnsettledStep:
    """A fine-tune call that was begun and never settled."""

    adapter_id: str
    step_number: int
    optimizer_steps_before: int


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """How a fine-tune call ended; unknown values are None."""

    state: str  #: done, failed or lost
    optimizer_steps: int | None = None
    trainable_tokens: int | None = None
    sum_loss: float | None = None
    rehearsal_pairs: int | None = None
    train_seconds: float | None = None
    error_code: str | None = None
    error_message: str | None = None


def insert_served_adapter(session: Session, adapter: ServedAdapter) -> None:
    """Write a new adapter."""
    session.execute(
        "insert_served_adapter",
        adapter_id=adapter.adapter_id,
        adapter_name=adapter.adapter_name,
        base_slug=adapter.base_slug,
        base_model=adapter.base_model,
        base_model_revision=adapter.base_model_revision,
        lora_rank=adapter.lora_rank,
        lora_alpha=adapter.lora_alpha,
        learning_rate=adapter.learning_rate,
        rehearsal=adapter.rehearsal,
        seed=adapter.seed,
        now=format_time(adapter.created_at),
    )


def list_served_adapters(session: Session) -> list[ServedAdapter]:
    """Return all adapters that are not deleted, the oldest first."""
    return [_adapter(row) for row in session.fetch_all("list_served_adapters")]


def delete_served_adapter(session: Session, adapter_id: str, *, now: datetime) -> None:
    """Mark the adapter as deleted; its row stays."""
    session.execute("delete_served_adapter", adapter_id=adapter_id, now=format_time(now))


def begin_served_step(
    session: Session,
    adapter_id: str,
    step_number: int,
    *,
    optimizer_steps_before: int,
    sample_count: int,
    now: datetime,
) -> None:
    """Record that a fine-tune call begins."""
    session.execute(
        "insert_served_step",
        adapter_id=adapter_id,
        step_number=step_number,
        optimizer_steps_before=optimizer_steps_before,
        sample_count=sample_count,
        now=format_time(now),
    )
    session.execute("set_last_served_step", adapter_id=adapter_id, step_number=step_number)


def settle_served_step(
    session: Session, adapter_id: str, step_number: int, outcome: StepOutcome, *, now: datetime
) -> None:
    """Record how a fine-tune call ended; one that is done updates the time of the adapter."""
    session.execute(
        "settle_served_step",
        adapter_id=adapter_id,
        step_number=step_number,
        state=outcome.state,
        optimizer_steps=outcome.optimizer_steps,
        trainable_tokens=outcome.trainable_tokens,
        sum_loss=outcome.sum_loss,
        rehearsal_pairs=outcome.rehearsal_pairs,
        train_seconds=outcome.train_seconds,
        error_code=outcome.error_code,
        error_message=outcome.error_message,
        now=format_time(now),
    )
    if outcome.state == "done":
        session.execute("set_served_adapter_updated", adapter_id=adapter_id, now=format_time(now))


def list_unsettled_served_steps(session: Session) -> list[UnsettledStep]:
    """Return the fine-tune calls that a server began and did not settle before it died."""
    return [
        UnsettledStep(row.adapter_id, row.step_number, row.optimizer_steps_before)
        for row in session.fetch_all("list_last_served_steps")
        if row.state == "training"
    ]


def _adapter(row: Any) -> ServedAdapter:
    values = {name: getattr(row, name) for name in ServedAdapter.__dataclass_fields__}
    for name in ("created_at", "updated_at"):
        values[name] = _time(values[name])
    return ServedAdapter(**values)


def _time(value: object) -> datetime:
    moment = parse_time(value)
    if moment is None:
        raise DatabaseError(
            "a row of served_adapters has no created_at or updated_at: restore the row or delete it"
        )
    return moment
