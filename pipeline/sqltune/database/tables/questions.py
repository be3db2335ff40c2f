"""Questions that people insert, and what becomes of them: `questions`.

A runner claims a question by compare-and-set, under a name that it makes for each batch. It writes
only into rows that it has still claimed, so that a question has one answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqltune.database.connection import Session
from sqltune.database.times import format_time

WAITING, ANSWERED, FAILED = "waiting", "answered", "failed"
#: Claims that one scan takes back.
_MOST_CLAIMS = 1_000


@dataclass(frozen=True, slots=True)
class QuestionRow:
    """What a person asks, as it was read: SQLite stores any value in any column."""

    question_id: int
    adapter_name: Any
    alias: Any
    version_number: Any  #: None: the version that the alias points to
    prompt: Any
    system_prompt: Any
    messages: Any
    max_new_tokens: Any  #: None: the adapter's
    temperature: Any  #: None: the adapter's
    crash_count: int  #: runners that died with it


@dataclass(frozen=True, slots=True)
class SettledQuestion:
    """The answer to a question, or the error in its place."""

    question_id: int
    answered_version: int | None = None  #: None: no version was asked
    answer: str | None = None
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    latency_ms: float | None = None
    error_code: str | None = None  #: None: it is answered
    error_message: str | None = None


@dataclass(frozen=True, slots=True)
class ExpiredClaim:
    """A question whose runner has not renewed its claim."""

    question_id: int
    crash_count: int  #: runners that died with it before


def find_waiting(session: Session, after: str | None = None) -> tuple[int, Any] | None:
    """Return a question that waits and the name of its adapter, the next one; None: none waits.

    Args:
        session: a read.
        after: the adapter before it; None: the first is wanted.
    """
    if after is None:
        row = session.fetch_one("find_first_waiting_question")
    else:
        row = session.fetch_one("find_next_waiting_question", after_name=after)
    return None if row is None else (row.question_id, row.adapter_name)


def count_waiting(session: Session) -> list[tuple[Any, int]]:
    """Return how many questions wait to each adapter."""
    return [
        (row.adapter_name, row.questions) for row in session.fetch_all("count_waiting_questions")
    ]


def fetch_waiting(session: Session, adapter_name: str, page_size: int) -> list[QuestionRow]:
    """Return the questions to an adapter that wait longest."""
    rows = session.fetch_all(
        "fetch_waiting_questions", adapter_name=adapter_name, page_size=page_size
    )
    return [
        QuestionRow(**{name: getattr(row, name) for name in QuestionRow.__dataclass_fields__})
        for row in rows
    ]


def claim_question(session: Session, question_id: int, *, owner: str, expires_at: datetime) -> bool:
    """Take a question to answer it; False if another runner was first, or it was withdrawn."""
    matched = session.execute(
        "claim_question",
        question_id=question_id,
        owner=owner,
        expires_at=format_time(expires_at),
    )
    return matched == 1


def renew_claims(session: Session, *, owner: str, expires_at: datetime) -> None:
    """Prolong the claims of a runner that is alive."""
    session.execute("renew_question_claims", owner=owner, expires_at=format_time(expires_at))


def settle_questions(
    session: Session, settled: Sequence[SettledQuestion], *, owner: str, now: datetime
) -> list[SettledQuestion]:
    """Store answers and errors of claimed questions; return those that were still claimed."""
    return [
        each
        for each in settled
        if session.execute(
            "settle_question",
            **asdict(each),
            state=ANSWERED if each.error_code is None else FAILED,
            owner=owner,
            now=format_time(now),
        )
    ]


def return_questions(
    session: Session, *, owner: str, code: str | None = None, reason: str | None = None
) -> int:
    """Let what is claimed and not answered wait again, and say why; return how many there are."""
    return session.execute("return_questions", owner=owner, error_code=code, error_message=reason)


def list_expired_claims(session: Session, *, now: datetime, latest: datetime) -> list[ExpiredClaim]:
    """Return the questions whose runner has not renewed its claim.

    Args:
        session: a read.
        now: UTC.
        latest: no claim that a right clock wrote ends after this.
    """
    rows = session.fetch_all(
        "list_expired_claims",
        now=format_time(now),
        latest=format_time(latest),
        page_size=_MOST_CLAIMS,
    )
    return [ExpiredClaim(row.question_id, row.crash_count) for row in rows]


def take_back(
    session: Session,
    claim: ExpiredClaim,
    *,
    failure: str | None,
    code: str,
    now: datetime,
    latest: datetime,
) -> None:
    """Let a question whose claim has still expired wait again, or fail with a message.

    Args:
        session: a transaction.
        claim: as it was read.
        failure: why the question fails; None: it waits again.
        code: of the failure.
        now: UTC.
        latest: no claim that a right clock wrote ends after this.
    """
    session.execute(
        "take_back_question",
        question_id=claim.question_id,
        latest=format_time(latest),
        now=format_time(now),
        state=WAITING if failure is None else FAILED,
        answered_at=None if failure is None else format_time(now),
        error_code=None if failure is None else code,
        error_message=failure,
    )
