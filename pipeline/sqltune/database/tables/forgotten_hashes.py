"""Keyed hashes of everything that was forgotten, and the secrets that they are keyed by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqltune.database.connection import Session
from sqltune.database.times import format_time


@dataclass(frozen=True, slots=True, order=True)
class ForgottenHash:
    """One row of `forgotten_samples`."""

    key_id: str
    hash_kind: str  #: row, texts, prompt, answer
    keyed_hash: str


def list_forget_keys(session: Session) -> dict[str, str | None]:
    """Return the made secret of each key; None: the environment has it."""
    return {row.key_id: row.made_key for row in session.fetch_all("list_forget_keys")}


def insert_forget_key(
    session: Session, key_id: str, made_key: str | None, *, now: datetime
) -> None:
    """Store a secret, or that the environment has it."""
    session.execute("insert_forget_key", key_id=key_id, made_key=made_key, now=format_time(now))


def list_forgotten_hashes(session: Session) -> frozenset[ForgottenHash]:
    """Return the keyed hashes of everything that was forgotten."""
    rows = session.fetch_all("list_forgotten_hashes")
    return frozenset(ForgottenHash(row.key_id, row.hash_kind, row.keyed_hash) for row in rows)
