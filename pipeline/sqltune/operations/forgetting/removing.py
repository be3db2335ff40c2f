"""Removes forgotten texts from where they are: each step may be repeated, and is counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import Any, TypeVar

from sqltune.backends.inventory import ArtifactKind, Inventory
from sqltune.database.connection import Session
from sqltune.database.tables import erasures, forgotten_answers, seen_rows, stored_texts
from sqltune.database.tables.erasures import Removed
from sqltune.database.tables.quoting_columns import MESSAGES
from sqltune.database.tables.stored_texts import StoredText
from sqltune.operations.forgetting.asked import hash_asked
from sqltune.operations.forgetting.planning import ErasurePlan, stream_rows
from sqltune.runtime import Runtime
from sqltune.selection.forgotten import PROMPT, TEXTS, ForgetKey

#: Rows that one transaction changes, and contents that one removes.
_ROWS, _CONTENTS = 200, 20
#: What an ended run may leave behind with texts of samples in it.
_LEFTOVERS = (ArtifactKind.CHECKPOINT, ArtifactKind.DRAFT)
#: The key of a row, and whether it has an answer: else, an error is in its place.
_FoundAnswer = tuple[tuple[Any, ...], bool]
T = TypeVar("T")


class Removal:
    """The steps of one erasure; each may be repeated."""

    def __init__(
        self, runtime: Runtime, plan: ErasurePlan, key: ForgetKey, erasure_id: str
    ) -> None:
        """Remove nothing yet; what is removed is counted in this certificate."""
        self._runtime = runtime
        self._plan = plan
        self._key = key
        self._erasure_id = erasure_id
        self._holds = plan.needles.find_in

    def remove_answers(self) -> None:
        """Remove the answers that hold the text, and errors in the place of one that do."""

        def find(
            run_id: int, prompt_key: bytes, phase: bytes, answer: bytes | None, error: bytes | None
        ) -> _FoundAnswer | None:
            key = run_id, prompt_key.decode(), phase.decode()
            return (key, answer is not None) if self._holds(answer, error) else None

        self._remove_rows(
            "select_all_answers", find, partial(_forget_all, forgotten_answers.forget_answer)
        )

    def remove_predictions(self) -> None:
        """Remove the answers to rows that hold the text, or whose row asked what is forgotten."""
        asked = frozenset(
            hash_asked([*self._plan.samples, *self._plan.prompts], self._plan.needles)
        )

        def find(
            adapter_name: bytes,
            row_key: bytes,
            content_hash: bytes,
            answer: bytes | None,
            error: bytes | None,
        ) -> _FoundAnswer | None:
            is_about = answer is not None and content_hash.decode() in asked
            key = adapter_name.decode(), row_key.decode()
            return (key, answer is not None) if is_about or self._holds(answer, error) else None

        self._remove_rows(
            "select_all_predictions",
            find,
            partial(_forget_all, forgotten_answers.forget_prediction),
        )

    def remove_questions(self) -> None:
        """Remove questions that hold the text, and answers to others that do."""

        def find(
            question_id: int, answer: bytes | None, *asked: bytes | None
        ) -> tuple[int, bool, bool] | None:
            is_asked = bool(self._holds(*asked))
            is_found = is_asked or self._holds(answer)
            return (question_id, is_asked, answer is not None) if is_found else None

        def remove(session: Session, found: Sequence[tuple[int, bool, bool]]) -> Removed:
            answers = sum(is_answered for *_, is_answered in found)
            for question_id, is_asked, _ in found:
                answers += forgotten_answers.forget_question(
                    session, question_id, is_asked=is_asked
                )
            return Removed(prompts=sum(is_asked for _, is_asked, _ in found), answers=answers)

        self._remove_rows("select_all_questions", find, remove)

    def remove_corrections(self) -> None:
        """Remove the corrections that hold the text, or of an answer to a prompt that does."""
        prompts = {row for rows in self._prompt_rows.values() for row in rows}

        def find(
            feedback_id: int, run_id: int | None, prompt_key: bytes | None, correction: bytes
        ) -> int | None:
            is_about = (run_id, prompt_key) in prompts
            return feedback_id if is_about or self._holds(correction) else None

        def remove(session: Session, found: Sequence[int]) -> Removed:
            for feedback_id in found:
                forgotten_answers.forget_correction(session, feedback_id)
            return Removed(answers=len(found))

        self._remove_rows("select_all_corrections", find, remove)

    def remove_messages(self) -> None:
        """Remove the text from findings, events, reasons and whatever else quotes it."""

        def remove(setter: str, session: Session, found: Sequence[dict[str, Any]]) -> Removed:
            session.execute_many(setter, found)
            return Removed(messages=len(found))

        for statement, (setter, names) in MESSAGES.items():
            find = partial(self._clean, names)
            self._remove_rows(statement, find, partial(remove, setter))

    def remove_files(self) -> None:
        """Remove what ended runs left of unfinished trainings."""
        with self._runtime.database.read() as session:
            found = [
                run
                for manifest_id in self._plan.manifests
                for run in seen_rows.list_runs_of_manifest(session, manifest_id)
            ]
        run_keys = {run_key for run_key, _ in found}
        for name in sorted({backend for _, backend in found}):
            inventory = self._runtime.backend(name)
            if not isinstance(inventory, Inventory):
                continue
            for artifact in list(inventory.list_artifacts()):
                if artifact.kind in _LEFTOVERS and artifact.run_key in run_keys:
                    inventory.remove(artifact)
                    with self._runtime.database.transaction() as session:
                        erasures.count_removed(session, self._erasure_id, Removed(files=1))

    def remove_prompts(self) -> None:
        """Remove the texts of evaluation prompts, and the answers to them."""

        def remove(session: Session, found: Sequence[StoredText]) -> Removed:
            answers = 0
            for prompt in found:
                old_hash, new_hash = prompt.content_hash, self._replace(session, prompt)
                for run_id, prompt_key in self._prompt_rows[old_hash]:
                    stored_texts.replace_prompt_content(
                        session, run_id, prompt_key.decode(), new_hash
                    )
                answers += forgotten_answers.forget_answers_to_content(session, old_hash, new_hash)
            return Removed(prompts=len(found), answers=answers)

        self._remove_in_batches(self._plan.prompts, 1, remove)

    def remove_samples(self) -> None:
        """Remove the texts of the samples themselves, and mark their manifests."""

        def remove(session: Session, found: Sequence[StoredText]) -> Removed:
            for sample in found:
                self._replace(session, sample)
            return Removed(samples=len(found))

        self._remove_in_batches(self._plan.samples, _CONTENTS, remove)
        for manifest_id in self._plan.manifests:
            with self._runtime.database.read() as session:
                count = seen_rows.count_forgotten(session, manifest_id)
            with self._runtime.database.transaction() as session:
                seen_rows.set_forgotten_count(session, manifest_id, count)

    @cached_property
    def _prompt_rows(self) -> dict[str, list[tuple[int, bytes]]]:
        """The run and the key of each evaluation prompt that is removed, by content hash."""
        found: dict[str, list[tuple[int, bytes]]] = {p.content_hash: [] for p in self._plan.prompts}
        if found:
            with stream_rows(self._runtime, "select_prompts_by_content") as rows:
                for page in rows.pages():
                    for content_hash, run_id, prompt_key in page:
                        if (content := content_hash.decode()) in found:
                            found[content].append((run_id, prompt_key))
        return found

    def _replace(self, session: Session, text: StoredText) -> str:
        """Remove the texts of a content; return the hash of what is in its place."""
        kind = TEXTS if text.is_sample else PROMPT
        new_hash = self._key.hash(kind, *text.texts).keyed_hash
        stored_texts.replace_content(
            session,
            text.content_hash,
            new_hash,
            is_sample=text.is_sample,
            now=self._runtime.now(),
        )
        return new_hash

    def _clean(self, names: Sequence[str], *row: Any) -> dict[str, Any] | None:
        """Return the values that write a message without the text; None: it has none."""
        *keys, message = row
        if not self._holds(message):
            return None
        plain = [key.decode() if isinstance(key, bytes) else key for key in keys]
        values = dict(zip(names, plain, strict=True))
        return values | {
            "message": self._plan.needles.remove_from(message).decode("utf-8", "replace")
        }

    def _remove_rows(
        self,
        statement: str,
        find: Callable[..., T | None],
        remove: Callable[[Session, Sequence[T]], Removed],
    ) -> None:
        """Remove what is found among the rows of a statement.

        Args:
            statement: streams the rows.
            find: returns what of a row, given by its columns, is removed; None: nothing.
            remove: removes some of it in a transaction.
        """
        with stream_rows(self._runtime, statement) as rows:
            found = [
                each for page in rows.pages() for row in page if (each := find(*row)) is not None
            ]
        self._remove_in_batches(found, _ROWS, remove)

    def _remove_in_batches(
        self, found: Sequence[T], size: int, remove: Callable[[Session, Sequence[T]], Removed]
    ) -> None:
        """Remove in short transactions, each counted in the certificate."""
        for start in range(0, len(found), size):
            with self._runtime.database.transaction() as session:
                removed = remove(session, found[start : start + size])
                erasures.count_removed(session, self._erasure_id, removed)


def _forget_all(
    forget: Callable[..., None], session: Session, found: Sequence[_FoundAnswer]
) -> Removed:
    for key, _ in found:
        forget(session, *key)
    answers = sum(is_answered for _, is_answered in found)
    return Removed(answers=answers, messages=len(found) - answers)
