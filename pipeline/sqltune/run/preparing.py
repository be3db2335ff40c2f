"""Prepares a run: its samples become a manifest, its evaluation prompts are frozen."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import partial
from itertools import chain

from sqltune import wanted_keys
from sqltune.backends.options import check_validation
from sqltune.backends.token_counts import count_epoch_tokens
from sqltune.database.connection import Session
from sqltune.database.tables import issues, manifests, runs
from sqltune.errors import BadRows, DataError
from sqltune.evaluation import NEEDS_EXPECTED, choose_scorer
from sqltune.records import Run, RunKind, Sample
from sqltune.run.sample_limits import check_conversation, find_limits
from sqltune.run.work import Work, add_event, count_noun, get_manifest_fingerprint
from sqltune.selection import (
    FrozenPrompts,
    describe_held_out,
    freeze_eval_prompts,
    join_faults,
    read_samples,
    read_validation,
    write_manifest,
)

logger = logging.getLogger(__name__)


def prepare(work: Work, run: Run) -> None:
    """Select and freeze what the run is trained on and what it asks."""
    # A manifest that the run already has was requested, or written before a crash.
    trains = run.run_kind is RunKind.TRAIN
    if trains and run.manifest_id is None:
        _select_samples(work)
    elif trains and run.is_trial and run.manifest_id is not None and run.samples_used is None:
        _take_manifest(work, run.manifest_id, trains=run.from_epoch is None)
    prompts = _freeze_prompts(work)
    with work.scope.transaction() as session:
        runs.set_run_prompts(
            session,
            run.run_id,
            prompts=prompts.prompt_count,
            eval_fingerprint=prompts.fingerprint,
            evaluation_key=wanted_keys.evaluation_key(work.adapter, prompts.fingerprint),
        )
    work.say(count_noun(prompts.prompt_count, "evaluation prompt"))
    _say_warnings(work, run)


def _say_warnings(work: Work, run: Run) -> None:
    """Name the rules that rows are warned of; their rows are in report_data_issues."""
    with work.scope.read() as session:
        warnings = issues.count_warnings(session, run.run_id)
    if warnings:
        named = ", ".join(f"{count:,} {rule}" for rule, count in warnings.items())
        work.say(f"warnings: {named} (report_data_issues, run_id {run.run_id})")


def _freeze_prompts(work: Work) -> FrozenPrompts:
    return freeze_eval_prompts(
        work.scope,
        work.selection_reader,
        work.adapter,
        scorers=NEEDS_EXPECTED,
        choose_scorer=choose_scorer,
    )


def _select_samples(work: Work) -> None:
    """Prepare the samples; if rows are bad, look at the prompts too: one cure is for both."""
    try:
        _prepare_samples(work)
    except BadRows as fault:
        try:
            _freeze_prompts(work)
        except BadRows as further:
            raise join_faults(fault, further, work.adapter) from further
        except DataError as error:
            logger.debug("the evaluation query cannot be used either: %s", error)
        raise


def _prepare_samples(work: Work) -> None:
    scope, reporter = work.scope, work.runtime.reporter
    limits, _ = find_limits(work.backend, work.base_model, work.adapter)
    manifest = write_manifest(
        scope,
        work.selection_reader,
        work.adapter,
        limits=limits,
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
    check = partial(check_conversation, work.backend, work.base_model, work.adapter)
    for sample in samples:
        problem = None if sample.messages is None else check(sample)
        if problem is not None:
            raise DataError(
                f"sample {sample.sample_key!r}: {problem.message}",
                key=sample.sample_key,
                column="messages",
                code=problem.rule,
            )
