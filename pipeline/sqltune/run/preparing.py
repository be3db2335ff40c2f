"""Prepares a run: its samples become a manifest, its evaluation prompts are frozen."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from itertools import chain

from sqltune import wanted_keys
from sqltune.backends.conversations import ConversationReader
from sqltune.backends.options import check_validation
from sqltune.backends.token_counts import count_epoch_tokens
from sqltune.database.connection import Session
from sqltune.database.tables import manifests, runs
from sqltune.errors import DataError
from sqltune.evaluation import SCORERS, choose_scorer
from sqltune.records import Run, RunKind, Sample
from sqltune.run.work import Work, add_event, count_noun, get_manifest_fingerprint
from sqltune.selection import (
    Problem,
    describe_held_out,
    freeze_eval_prompts,
    read_samples,
    read_validation,
    write_manifest,
)

#: Room for the words that a prompt form puts around a sample.
_FORM_BYTES = 128


def prepare(work: Work, run: Run) -> None:
    """Select and freeze what the run is trained on and what it asks."""
    # A manifest that the run already has was requested, or written before a crash.
    trains = run.run_kind is RunKind.TRAIN
    if trains and run.manifest_id is None:
        _prepare_samples(work)
    elif trains and run.is_trial and run.manifest_id is not None and run.samples_used is None:
        _take_manifest(work, run.manifest_id, trains=run.from_epoch is None)
    prompts = freeze_eval_prompts(
        work.scope,
        work.selection_reader,
        work.adapter,
        scorers={name: scorer.needs_expected for name, scorer in SCORERS.items()},
        choose_scorer=choose_scorer,
    )
    with work.scope.transaction() as session:
        runs.set_run_prompts(
            session,
            run.run_id,
            prompts=prompts.prompt_count,
            eval_fingerprint=prompts.fingerprint,
            evaluation_key=wanted_keys.evaluation_key(work.adapter, prompts.fingerprint),
        )
    work.say(count_noun(prompts.prompt_count, "evaluation prompt"))


def _prepare_samples(work: Work) -> None:
    scope, reporter = work.scope, work.runtime.reporter
    manifest = write_manifest(
        scope,
        work.selection_reader,
        work.adapter,
        too_long=_too_long(work),
        check_conversation=partial(_check_conversation, work),
        on_progress=lambda rows: reporter.progress("selecting", rows, None),
    )
    reporter.finish()
    # The rows may have changed since the plan was made of them.
    check_validation(work.adapter, manifest.validation_count)
    samples = read_samples(scope.database, manifest.manifest_id)
    tokens = count_epoch_tokens(
        work.backend,
        work.base_model,
        samples,
        len(samples),
        prompt_format=work.adapter.prompt_format,
    )
    with scope.transaction() as session:
        if tokens is not None:
            manifests.set_manifest_tokens(session, manifest.manifest_id, tokens.count)
        runs.set_run_selection(
            session,
            scope.run_id,
            manifest_id=manifest.manifest_id,
            fingerprint=manifest.fingerprint,
            training_key=wanted_keys.training_key(
                work.adapter, work.base_model, manifest.fingerprint
            ),
            samples_selected=manifest.selected,
            samples_skipped=manifest.skipped,
            samples_held_out=sum(manifest.held_out.values()),
            samples_validated=manifest.validation_count,
            samples_used=len(samples),
        )
        _note_validation(work, session, manifest.validation_count, manifest.sample_count)
    skipped = f", {manifest.skipped:,} skipped" if manifest.skipped else ""
    held_out = f", held out: {describe_held_out(manifest.held_out)}" if manifest.held_out else ""
    work.say(f"{count_noun(len(samples), 'sample')}{skipped}{held_out}")


def _take_manifest(work: Work, manifest_id: int, *, trains: bool) -> None:
    """Record the samples of the manifest that was requested with the run."""
    scope = work.scope
    fingerprint = get_manifest_fingerprint(work, manifest_id)
    samples = read_samples(scope.database, manifest_id)
    validation = read_validation(scope.database, manifest_id)
    if trains:
        _require_readable(work, chain(samples, validation))
    count = len(samples)
    with scope.transaction() as session:
        runs.set_run_selection(
            session,
            scope.run_id,
            manifest_id=manifest_id,
            fingerprint=fingerprint,
            training_key=wanted_keys.training_key(work.adapter, work.base_model, fingerprint),
            samples_selected=count + len(validation),
            samples_skipped=0,
            samples_held_out=0,
            samples_validated=len(validation),
            samples_used=count,
        )
        _note_validation(work, session, len(validation), count + len(validation))
    work.say(f"{count_noun(count, 'sample')} of manifest {manifest_id}")


def _note_validation(work: Work, session: Session, validation: int, count: int) -> None:
    """Record how many samples are never trained: none is taken away silently."""
    if not validation and not work.adapter.validation_share:
        return
    samples = count_noun(count, "sample")
    if validation:
        message = (
            f"{validation:,} of {samples} for validation: never trained, and the epoch with their "
            "lowest loss becomes the version"
        )
    else:
        message = (
            f"validation_share {work.adapter.validation_share:g} chose none of {samples}: nothing "
            "is measured, and the last epoch becomes the version"
        )
    add_event(work, session, "validation_chosen", message)
    work.say(message)


def _require_readable(work: Work, samples: Iterable[Sample]) -> None:
    """Refuse conversations that the base model cannot read; another one may have selected them."""
    for sample in samples:
        problem = None if sample.messages is None else _check_conversation(work, sample)
        if problem is not None:
            raise DataError(
                f"sample {sample.sample_key!r}: {problem.message}",
                key=sample.sample_key,
                column="messages",
                code=problem.rule,
            )


def _too_long(work: Work) -> Callable[[str], int | None] | None:
    """Return a function that counts a sample's tokens if they are too many; None: no limit."""
    limit = work.base_model.max_tokens
    if limit is None:
        return None

    def count(text: str) -> int | None:
        # A token is at least one byte of text: most samples need no tokenizer.
        if len(text.encode("utf-8")) + _FORM_BYTES <= limit:
            return None
        sample = Sample("", text, ".", None, 1.0, None, None)
        tokens = next(
            work.backend.count_tokens(work.base_model, [sample], work.adapter.prompt_format)
        ).tokens
        return tokens if tokens > limit else None

    return count


def _check_conversation(work: Work, sample: Sample) -> Problem | None:
    """Return why the base model cannot read a conversation of several turns; None: it can."""
    backend = work.backend
    if not isinstance(backend, ConversationReader):
        return None
    options = wanted_keys.training_options(work.adapter)
    try:
        tokens = backend.count_conversation(work.base_model, sample, options)
    except DataError as error:
        return Problem(error.code, str(error))
    limit = work.base_model.max_tokens
    if limit is None or tokens <= limit:
        return None
    return Problem(
        "too_long",
        f"messages have {tokens:,} tokens, more than the {limit:,} that the base model accepts: "
        "shorten them, or choose another base model",
    )
