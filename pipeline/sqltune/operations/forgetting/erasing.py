"""Forget samples: record it, remove the texts where they are, and only then the samples' own.

Until the last step the texts are in `contents`, so that a second `forget` finds what a first one
left, wherever it was ended. Each step is a short transaction that is counted in the certificate.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from sqltune.backends.inventory import ArtifactKind, Inventory
from sqltune.database import purging
from sqltune.database.tables import erasures, runs
from sqltune.database.tables.erasures import (
    MESSAGES,
    Certificate,
    ForgottenHash,
    Removed,
)
from sqltune.errors import ConfigError
from sqltune.operations.forgetting.planning import ErasurePlan, plan_erasure, stream_rows
from sqltune.operations.promoting import os_user
from sqltune.runtime import Runtime
from sqltune.selection.forgotten import (
    ANSWER,
    ANY_ADAPTER,
    PROMPT,
    ROW,
    TEXTS,
    ForgetKey,
    require_key,
)
from sqltune.syncing.lease import lease_adapter

#: Rows that one transaction changes, and contents that one removes.
_ROWS, _CONTENTS = 200, 20
_SECRET_BYTES = 32
#: What an ended run may leave behind with texts of samples in it.
_LEFTOVERS = (ArtifactKind.CHECKPOINT, ArtifactKind.DRAFT)


def forget(runtime: Runtime, plan: ErasurePlan) -> str | None:
    """Remove everything that a plan names, so that none of it is trained again.

    Returns:
        The erasure_id of the certificate; None: all of it was forgotten before.

    Raises:
        ConfigError: a runner works on one of the adapters, or an unfinished run needs the rows.
        DatabaseUnavailable: another process keeps deleted texts in the file; all else is done.
    """
    with _leases(runtime, plan.adapters):
        plan = plan_erasure(runtime, plan.adapter_name, plan.keys)
        key, erasure_id = _begin(runtime, plan)
        if erasure_id is None:
            return None
        erasing = _Erasing(runtime, plan, key, erasure_id)
        erasing.remove_answers()
        erasing.remove_predictions()
        erasing.remove_questions()
        erasing.remove_corrections()
        erasing.remove_messages()
        erasing.remove_files()
        erasing.remove_prompts()
        erasing.remove_samples()
    purging.purge_deleted(runtime.database)
    with runtime.database.transaction() as session:
        for each in {erasure_id, *plan.unfinished}:
            erasures.complete_erasure(session, each, now=runtime.now())
    return erasure_id


@contextmanager
def _leases(runtime: Runtime, adapters: Sequence[str]) -> Iterator[None]:
    """Own the leases of some adapters, none of which has an unfinished run."""
    with ExitStack() as stack:
        for name in adapters:
            lease = stack.enter_context(lease_adapter(runtime, name, threading.Event()))
            if lease is None:
                raise ConfigError(f"a runner works on {name}: repeat the command when it has ended")
            with runtime.database.read() as session:
                run = runs.find_unfinished_run(session, name)
            if run is not None:
                raise ConfigError(
                    f"run {run.run_id} of {name!r} is unfinished and may train what is to be "
                    f"forgotten: let it end, or cancel it with `sqltune cancel {run.run_id}`"
                )
        yield


def _begin(runtime: Runtime, plan: ErasurePlan) -> tuple[ForgetKey, str | None]:
    """Record what may never be trained again, before anything is removed.

    Returns:
        The key of the hashes, and the certificate: a new one, or one that broke off, where all was
        recorded before; None: nothing is left to do.
    """
    known = runtime.load_forgotten()
    with runtime.database.transaction() as session:
        key = require_key(
            session,
            runtime.settings.forget_key,
            lambda: secrets.token_bytes(_SECRET_BYTES),
            now=runtime.now(),
        )
        hashes = set(_hashes_of(plan, key)) - (known.hashes if known else frozenset())
        if not hashes:
            return key, plan.unfinished[0] if plan.unfinished else None
        certificate = Certificate(
            erasure_id=runtime.new_id(),
            adapter_name=plan.adapter_name,
            requested_by=os_user(),
            sample_count=len(plan.keys),
            samples_left=len(plan.left),
            queries_left=", ".join(plan.quoting) or None,
        )
        erasures.begin_erasure(session, certificate, hashes, plan.seen_by, now=runtime.now())
    return key, certificate.erasure_id


def _hashes_of(plan: ErasurePlan, key: ForgetKey) -> Iterator[ForgottenHash]:
    adapter = (plan.adapter_name or ANY_ADAPTER).encode()
    yield from (key.hash(ROW, adapter, sample_key.encode()) for sample_key in plan.keys)
    yield from (key.hash(TEXTS, *sample.texts) for sample in plan.samples)
    yield from (key.hash(PROMPT, *prompt.texts) for prompt in plan.prompts)
    yield from (key.hash(ANSWER, text) for text in plan.needles.texts)


class _Erasing:
    """The steps of one erasure; each may be repeated."""

    def __init__(
        self, runtime: Runtime, plan: ErasurePlan, key: ForgetKey, erasure_id: str
    ) -> None:
        self._runtime = runtime
        self._plan = plan
        self._key = key
        self._erasure_id = erasure_id

    def remove_answers(self) -> None:
        """Remove the answers that hold the text."""
        found = []
        with stream_rows(self._runtime, "select_all_answers") as rows:
            for page in rows.pages():
                for run_id, prompt_key, phase, *texts in page:
                    if self._plan.needles.find_in(*texts):
                        found.append((int(run_id), prompt_key.decode(), phase.decode()))
        for batch in _batches(found, _ROWS):
            with self._runtime.database.transaction() as session:
                for answer in batch:
                    erasures.forget_answer(session, *answer)
                removed = Removed(answers=len(batch))
                erasures.count_removed(session, self._erasure_id, removed)

    def remove_predictions(self) -> None:
        """Remove the answers to rows that hold the text."""
        found = []
        with stream_rows(self._runtime, "select_all_predictions") as rows:
            for page in rows.pages():
                for adapter_name, row_key, *texts in page:
                    if self._plan.needles.find_in(*texts):
                        found.append((adapter_name.decode(), row_key.decode()))
        for batch in _batches(found, _ROWS):
            with self._runtime.database.transaction() as session:
                for prediction in batch:
                    erasures.forget_prediction(session, *prediction)
                removed = Removed(answers=len(batch))
                erasures.count_removed(session, self._erasure_id, removed)

    def remove_questions(self) -> None:
        """Remove questions that hold the text, and answers to others that do."""
        found = []
        with stream_rows(self._runtime, "select_all_questions") as rows:
            for page in rows.pages():
                for question_id, answer, *asked in page:
                    is_asked = bool(self._plan.needles.find_in(*asked))
                    if is_asked or self._plan.needles.find_in(answer):
                        found.append((int(question_id), is_asked))
        for batch in _batches(found, _ROWS):
            with self._runtime.database.transaction() as session:
                corrections = sum(
                    erasures.forget_question(session, question_id, is_asked=is_asked)
                    for question_id, is_asked in batch
                )
                prompts = sum(is_asked for _, is_asked in batch)
                removed = Removed(prompts=prompts, answers=len(batch) + corrections)
                erasures.count_removed(session, self._erasure_id, removed)

    def remove_corrections(self) -> None:
        """Remove the corrections that hold the text."""
        with stream_rows(self._runtime, "select_all_corrections") as rows:
            found = [
                int(feedback_id)
                for page in rows.pages()
                for feedback_id, correction in page
                if self._plan.needles.find_in(correction)
            ]
        for batch in _batches(found, _ROWS):
            with self._runtime.database.transaction() as session:
                for feedback_id in batch:
                    erasures.forget_correction(session, feedback_id)
                erasures.count_removed(session, self._erasure_id, Removed(answers=len(batch)))

    def remove_messages(self) -> None:
        """Remove the text from findings, events, reasons and whatever else quotes it."""
        for statement in MESSAGES:
            found: list[dict[str, Any]] = []
            with stream_rows(self._runtime, statement) as rows:
                for page in rows.pages():
                    found += [values for row in page if (values := self._clean(statement, row))]
            for batch in _batches(found, _ROWS):
                with self._runtime.database.transaction() as session:
                    session.execute_many(MESSAGES[statement][0], batch)
                    removed = Removed(messages=len(batch))
                    erasures.count_removed(session, self._erasure_id, removed)

    def remove_files(self) -> None:
        """Remove what ended runs left of unfinished trainings."""
        with self._runtime.database.read() as session:
            found = [
                run
                for manifest_id in self._plan.manifests
                for run in erasures.list_runs_of_manifest(session, manifest_id)
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
        of_content: dict[str, list[tuple[int, str]]] = {
            p.content_hash: [] for p in self._plan.prompts
        }
        if of_content:
            with stream_rows(self._runtime, "select_prompts_by_content") as rows:
                for page in rows.pages():
                    for content_hash, run_id, prompt_key in page:
                        if (content := content_hash.decode()) in of_content:
                            of_content[content].append((int(run_id), prompt_key.decode()))
        for prompt in self._plan.prompts:
            new_hash = self._key.hash(PROMPT, *prompt.texts).keyed_hash
            with self._runtime.database.transaction() as session:
                for row in of_content[prompt.content_hash]:
                    erasures.replace_prompt_content(session, *row, new_hash)
                answers = erasures.replace_content(
                    session,
                    prompt.content_hash,
                    new_hash,
                    is_sample=False,
                    now=self._runtime.now(),
                )
                removed = Removed(prompts=1, answers=answers)
                erasures.count_removed(session, self._erasure_id, removed)

    def remove_samples(self) -> None:
        """Remove the texts of the samples themselves, and mark their manifests."""
        for batch in _batches(self._plan.samples, _CONTENTS):
            with self._runtime.database.transaction() as session:
                for sample in batch:
                    erasures.replace_content(
                        session,
                        sample.content_hash,
                        self._key.hash(TEXTS, *sample.texts).keyed_hash,
                        is_sample=True,
                        now=self._runtime.now(),
                    )
                removed = Removed(samples=len(batch))
                erasures.count_removed(session, self._erasure_id, removed)
        for manifest_id in self._plan.manifests:
            with self._runtime.database.read() as session:
                count = erasures.count_forgotten(session, manifest_id)
            with self._runtime.database.transaction() as session:
                erasures.set_forgotten_count(session, manifest_id, count)

    def _clean(self, statement: str, row: Sequence[Any]) -> dict[str, Any] | None:
        """Return the values that write a message without the text; None: it has none."""
        *keys, message = row
        if not self._plan.needles.find_in(message):
            return None
        plain = [key.decode() if isinstance(key, bytes) else key for key in keys]
        values = dict(zip(MESSAGES[statement][1], plain, strict=True))
        cleaned = self._plan.needles.remove_from(message)
        return values | {"message": cleaned.decode("utf-8", "replace")}


def _batches(rows: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (rows[start : start + size] for start in range(0, len(rows), size))
