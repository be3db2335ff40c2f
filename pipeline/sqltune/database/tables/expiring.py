"""Answers and texts that are older than the settings keep them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqltune.database.connection import Session
from sqltune.database.tables.stored_texts import FORGOTTEN_TEXT
from sqltune.database.times import format_time

#: What is in the place of a text that is older than it is kept, and under which content hash.
EXPIRED_TEXT, EXPIRED_HASH = "[expired]", "expired"
_MESSAGE = "the answer is older than SQLTUNE_KEEP_ANSWERS_DAYS"


def list_runs_with_old_answers(session: Session, *, before: datetime) -> list[int]:
    """Return ended runs whose answers no version with an alias was decided by."""
    rows = session.fetch_all("list_runs_with_old_answers", before=format_time(before))
    return [int(row.run_id) for row in rows]


def count_answers(session: Session, run_id: int) -> int:
    """Return how many answers of a run still have their text."""
    row = session.fetch_one("count_answers_of_run", run_id=run_id)
    return 0 if row is None else int(row.answers)


def fetch_kept_keys(session: Session, run_id: int, after_key: str, page_size: int) -> list[str]:
    """Return the next prompts of a run that have an answer with its text."""
    rows = session.fetch_all(
        "fetch_kept_keys", run_id=run_id, after_key=after_key, page_size=page_size
    )
    return [str(row.prompt_key) for row in rows]


def expire_answers(session: Session, run_id: int, after_key: str, last_key: str) -> int:
    """Remove the texts of the answers to some prompts and return how many; scores are kept.

    Args:
        session: a transaction.
        run_id: the run.
        after_key: the prompts follow this one.
        last_key: the last of them.
    """
    return session.execute(
        "expire_answers", run_id=run_id, after_key=after_key, last_key=last_key, message=_MESSAGE
    )


def fetch_old_questions(
    session: Session, *, before: datetime, after_id: int, page_size: int
) -> list[int]:
    """Return the next questions that were answered before and have their texts."""
    rows = session.fetch_all(
        "fetch_old_questions",
        before=format_time(before),
        after_id=after_id,
        page_size=page_size,
        expired=EXPIRED_TEXT,
        forgotten=FORGOTTEN_TEXT,
    )
    return [int(row.question_id) for row in rows]


def expire_questions(session: Session, question_ids: Sequence[int], *, before: datetime) -> int:
    """Remove the texts of questions that were answered before, and return how many still are."""
    return sum(
        session.execute(
            "expire_question",
            question_id=question_id,
            before=format_time(before),
            expired=EXPIRED_TEXT,
            message=_MESSAGE,
        )
        for question_id in question_ids
    )


def list_old_manifests(session: Session, *, before: datetime) -> dict[int, int]:
    """Return the manifests that nothing of the present needs, with their number of samples."""
    rows = session.fetch_all("list_old_manifests", before=format_time(before))
    return {int(row.manifest_id): int(row.sample_count or 0) for row in rows}


def count_expired_samples(session: Session, manifest_id: int) -> int:
    """Return how many samples of a manifest have lost their texts because of their age."""
    row = session.fetch_one(
        "count_expired_samples", manifest_id=manifest_id, expired_hash=EXPIRED_HASH
    )
    return 0 if row is None else int(row.samples)
