"""Removes answers and texts that are older than the settings keep them.

What a version with an alias was decided by, and what it or the latest version saw, is kept however
old it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from sqltune.database.tables import expiring, manifests, seen_rows, stored_texts
from sqltune.database.tables.expiring import EXPIRED_HASH, EXPIRED_TEXT
from sqltune.runtime import Runtime

#: Samples that one query reads, and prompts whose answers one transaction removes.
_PAGE, _PROMPTS = 500, 200


@dataclass(frozen=True, slots=True)
class Expired:
    """What is older than it is kept."""

    answers: int
    texts: int  #: of samples
    questions: int = 0  #: with their answers

    def __bool__(self) -> bool:
        return bool(self.answers or self.texts or self.questions)

    def __str__(self) -> str:
        questions = f", {self.questions:,} questions" if self.questions else ""
        return f"{self.answers:,} answers{questions} and {self.texts:,} texts of samples"


def expire(runtime: Runtime, *, removes: bool) -> Expired:
    """Count, and with `removes` remove, what is older than SQLTUNE_KEEP_..._DAYS."""
    return Expired(
        answers=_expire_answers(runtime, removes),
        texts=_expire_texts(runtime, removes),
        questions=_expire_questions(runtime, removes),
    )


def _expire_answers(runtime: Runtime, removes: bool) -> int:
    days = runtime.settings.keep_answers_days
    if days is None:
        return 0
    before = runtime.now() - timedelta(days=days)
    count = 0
    with runtime.database.read() as session:
        old = expiring.list_runs_with_old_answers(session, before=before)
    for run_id in old:
        if removes:
            count += _remove_answers(runtime, run_id)
        else:
            with runtime.database.read() as session:
                count += expiring.count_answers(session, run_id)
    return count


def _remove_answers(runtime: Runtime, run_id: int) -> int:
    """Remove a run's answers in short transactions, for runners write meanwhile."""
    after_key, count = "", 0
    while True:
        with runtime.database.read() as session:
            keys = expiring.fetch_kept_keys(session, run_id, after_key, _PROMPTS)
        if not keys:
            return count
        with runtime.database.transaction() as session:
            count += expiring.expire_answers(session, run_id, after_key, keys[-1])
        after_key = keys[-1]


def _expire_questions(runtime: Runtime, removes: bool) -> int:
    """Count or remove questions with their answers, except those that have a correction."""
    days = runtime.settings.keep_answers_days
    if days is None:
        return 0
    before, after_id, count = runtime.now() - timedelta(days=days), 0, 0
    while True:
        with runtime.database.read() as session:
            page = expiring.fetch_old_questions(
                session, before=before, after_id=after_id, page_size=_PROMPTS
            )
        if not page:
            return count
        if removes:
            with runtime.database.transaction() as session:
                count += expiring.expire_questions(session, page, before=before)
        else:
            count += len(page)
        after_id = page[-1]


def _expire_texts(runtime: Runtime, removes: bool) -> int:
    days = runtime.settings.keep_texts_days
    if days is None:
        return 0
    before = runtime.now() - timedelta(days=days)
    with runtime.database.read() as session:
        old = expiring.list_old_manifests(session, before=before)
    contents = dict.fromkeys(_read_hashes(runtime, old))
    expired = [content for content in contents if _is_only_in(runtime, content, old)]
    if removes:
        for content in expired:
            _remove(runtime, content)
    return len(expired)


def _read_hashes(runtime: Runtime, old: dict[int, int]) -> Iterator[str]:
    for manifest_id, samples in old.items():
        for first in range(0, samples, _PAGE):
            with runtime.database.read() as session:
                page = manifests.fetch_hashes_page(session, manifest_id, first, first + _PAGE)
            yield from page


def _is_only_in(runtime: Runtime, content: str, old: dict[int, int]) -> bool:
    """Whether a text is there, and no other manifest has it."""
    with runtime.database.read() as session:
        if stored_texts.get_content(session, content) is None:
            return False
        found = seen_rows.find_manifests_of_content(session, content)
    return all(manifest_id in old for manifest_id, *_ in found)


def _remove(runtime: Runtime, content: str) -> None:
    with runtime.database.transaction() as session:
        stored_texts.replace_content(
            session,
            content,
            EXPIRED_HASH,
            is_sample=True,
            now=runtime.now(),
            shown=EXPIRED_TEXT,
        )
