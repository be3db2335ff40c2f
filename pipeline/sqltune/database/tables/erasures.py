"""What `sqltune forget` records: the certificate of what it removes, and who saw it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqltune.database.connection import Session
from sqltune.database.tables.forgotten_hashes import ForgottenHash
from sqltune.database.times import format_time


@dataclass(frozen=True, slots=True)
class SeenBy:
    """A version, and how many forgotten samples it was trained on."""

    adapter_name: str
    version_number: int
    sample_count: int
    is_retired: bool

    def __str__(self) -> str:
        return f"{self.adapter_name} v{self.version_number}"


@dataclass(frozen=True, slots=True)
class Certificate:
    """A row of `erasures` as it is begun."""

    erasure_id: str
    adapter_name: str | None
    requested_by: str
    sample_count: int
    samples_left: int
    queries_left: str | None  #: columns of `adapters` that quote a text; None: there is none


@dataclass(frozen=True, slots=True)
class Removed:
    """What one transaction removed."""

    samples: int = 0
    prompts: int = 0
    answers: int = 0
    messages: int = 0
    files: int = 0


def begin_erasure(
    session: Session,
    certificate: Certificate,
    hashes: Iterable[ForgottenHash],
    seen_by: Iterable[SeenBy],
    *,
    now: datetime,
) -> None:
    """Record what is to be forgotten, before anything is removed."""
    moment, erasure_id = format_time(now), certificate.erasure_id
    session.execute(
        "insert_erasure",
        erasure_id=erasure_id,
        adapter_name=certificate.adapter_name,
        requested_by=certificate.requested_by,
        sample_count=certificate.sample_count,
        samples_left=certificate.samples_left,
        queries_left=certificate.queries_left,
        now=moment,
    )
    session.execute_many(
        "insert_forgotten_hash",
        [
            {"erasure_id": erasure_id, "hash_kind": h.hash_kind, "keyed_hash": h.keyed_hash}
            | {"key_id": h.key_id, "now": moment}
            for h in sorted(hashes)
        ],
    )
    session.execute_many(
        "insert_erasure_version",
        [
            {"erasure_id": erasure_id, "adapter_name": v.adapter_name}
            | {"version_number": v.version_number, "sample_count": v.sample_count}
            for v in seen_by
        ],
    )


def count_removed(session: Session, erasure_id: str, removed: Removed) -> None:
    """Count in the certificate what this transaction removes."""
    session.execute(
        "count_removed",
        erasure_id=erasure_id,
        samples=removed.samples,
        prompts=removed.prompts,
        answers=removed.answers,
        messages=removed.messages,
        files=removed.files,
    )


def list_open_erasures(session: Session) -> list[str]:
    """Return the erasures that broke off, the oldest first."""
    return [str(row.erasure_id) for row in session.fetch_all("list_open_erasures")]


def complete_erasure(session: Session, erasure_id: str, *, now: datetime) -> None:
    """Record that everything is removed."""
    session.execute("complete_erasure", erasure_id=erasure_id, now=format_time(now))
