"""One run, top to bottom: prepare, answer, train, answer again, decide.

Where a run stands is in its row only. Each stage can be entered again after a crash: it leaves what
is committed and does the rest. Every write is fenced by the adapter's lease.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import assert_never

from sqltune import selection, wanted_keys
from sqltune.backends.base import TrainingJob
from sqltune.backends.token_counts import count_epoch_tokens
from sqltune.database.tables import manifests, runs, states, versions
from sqltune.errors import DataError, LeaseLost, RunPaused
from sqltune.evaluation.comparing import compare
from sqltune.evaluation.gate import decide as decide_gate
from sqltune.evaluation.gate import write_decision
from sqltune.evaluation.scorers import SCORERS
from sqltune.evaluation.scoring import plan_scoring, score_responses
from sqltune.records import Run, RunKind, RunState, Sample
from sqltune.run.answering import answer_after, answer_before
from sqltune.run.journal import RunJournal
from sqltune.run.next_step import next_step
from sqltune.run.versions import new_version
from sqltune.run.work import Work, add_event, count_noun, find_version

logger = logging.getLogger(__name__)

#: Room for the words that a prompt form puts around a sample.
_FORM_BYTES = 128


def carry_out(work: Work) -> RunState:
    """Bring the run from where it stands to its end and give the state it ended in.

    Raises:
        RunCancelled, RunInterrupted, LeaseLost: what `work.check` raised.
        PipelineError: the run cannot go on; the worker records it as failed.
    """
    while not (run := work.run()).state.is_ended:
        work.check()
        match run.state:
            case RunState.QUEUED:
                advance(work, run, RunState.PREPARING)
            case RunState.PREPARING:
                prepare(work, run)
                advance(work, run, RunState.ANSWERING_BEFORE)
            case RunState.ANSWERING_BEFORE:
                answer_before(work, run)
                # A run that has its version is reopened by `retry`: it must not train a second
                # time.
                trains = run.run_kind is RunKind.TRAIN and run.version_number is None
                advance(work, run, RunState.TRAINING if trains else RunState.ANSWERING_AFTER)
            case RunState.TRAINING:
                train(work, work.run())
            case RunState.ANSWERING_AFTER:
                answer_after(work, run)
                advance(work, run, RunState.DECIDING)
            case RunState.DECIDING:
                decide(work, run)
            case RunState.PAUSED:
                raise RunPaused("a person wants this run to be held")
            case RunState.SUCCEEDED | RunState.REJECTED | RunState.FAILED | RunState.CANCELLED:
                break
            case _:
                assert_never(run.state)
    return run.state


def prepare(work: Work, run: Run) -> None:
    """Select, validate and freeze: the samples as a manifest, the prompts as they will be asked."""
    # A manifest that is there was asked for, or written before a crash.
    if run.run_kind is RunKind.TRAIN and run.manifest_id is None:
        _prepare_samples(work)
    elif run.is_trial and run.manifest_id is not None and run.samples_used is None:
        _take_manifest(work, run.manifest_id)
    prompts = selection.freeze_eval_prompts(
        work.runtime.database,
        work.runtime.selection_database,
        work.claim,
        work.run_id,
        work.adapter,
        check=work.check,
        now=work.runtime.now,
        scorers={name: scorer.needs_expected for name, scorer in SCORERS.items()},
        timeout_seconds=work.runtime.settings.selection_timeout_seconds,
    )
    with work.runtime.database.transaction(work.claim) as session:
        runs.set_run_prompts(
            session,
            work.run_id,
            prompts=prompts.prompt_count,
            eval_fingerprint=prompts.fingerprint,
            evaluation_key=wanted_keys.evaluation_key(work.adapter, prompts.fingerprint),
        )
    work.runtime.reporter.say(f"  {count_noun(prompts.prompt_count, 'evaluation prompt')}")


def train(work: Work, run: Run) -> None:
    """Let the backend train, and write what it made as the adapter's next version."""
    runtime = work.runtime
    if run.manifest_id is None:
        raise DataError(f"run {run.run_id} has no manifest; use --force to begin anew")
    fingerprint = _manifest_fingerprint(work, run.manifest_id)
    samples = selection.read_samples(runtime.database, run.manifest_id)
    job = TrainingJob(
        run_key=run.run_key or str(run.run_id),
        adapter_name=work.adapter.adapter_name,
        base_model=work.base_model,
        options=wanted_keys.training_options(work.adapter),
        fingerprint=fingerprint,
        attempt=work.claim.attempt,
    )
    began = runtime.now()
    epochs = count_noun(work.adapter.epochs, "epoch")
    runtime.reporter.say(f"  training on {count_noun(len(samples), 'sample')}, {epochs}")
    trained = work.backend.train(
        job, samples, RunJournal(runtime, work.claim, work.run_id, work.check)
    )
    runtime.reporter.finish()
    seconds = (runtime.now() - began).total_seconds()
    version = new_version(
        run, trained, work.adapter.backend, work.base_model, fingerprint, len(samples), seconds
    )
    _store_version(work, run, version)


def decide(work: Work, run: Run) -> None:
    """Score, compare and let the gate say whether the version goes live; the run ends with it."""
    runtime = work.runtime
    version = find_version(work, run.version_number)
    score_responses(
        runtime.database,
        work.claim,
        work.run_id,
        plan_scoring(work.adapter),
        check=work.check,
        now=runtime.now,
    )
    comparison = compare(runtime.database, work.run_id, seed=work.adapter.seed)
    decision = decide_gate(comparison, work.adapter.min_gain)
    state = RunState.SUCCEEDED if decision.is_accepted else RunState.REJECTED
    now = runtime.now()
    with runtime.database.transaction(work.claim) as session:
        reason = write_decision(
            session,
            version.adapter_name,
            work.run_id,
            version.version_number,
            comparison,
            decision,
            min_gain=work.adapter.min_gain,
            now=now,
        )
        add_event(work, session, state.value, reason)
        end = runs.RunEnd(state, next_step=next_step(state, run.run_kind))
        if not runs.end_run(session, run, end, now=now):
            raise LeaseLost(f"run {run.run_id} is no longer {run.state.value}")
        states.set_current_run(session, run.adapter_name, None)
    runtime.reporter.say(f"  {reason}")


def advance(work: Work, run: Run, state: RunState) -> None:
    """Move the run on to its next state and say so."""
    now, step = work.runtime.now(), next_step(state, run.run_kind)
    with work.runtime.database.transaction(work.claim) as session:
        if not runs.set_run_state(session, run, state, next_step=step, now=now):
            raise LeaseLost(f"run {run.run_id} is no longer {run.state.value}")
        add_event(work, session, "state_changed", f"{run.state.value} -> {state.value}")
    logger.info(
        "run %s is %s",
        run.run_id,
        state.value,
        extra={"event": "run_state_changed", "run_id": run.run_id, "state": state.value},
    )


def _prepare_samples(work: Work) -> None:
    runtime = work.runtime
    manifest = selection.write_manifest(
        runtime.database,
        runtime.selection_database,
        work.claim,
        work.run_id,
        work.adapter,
        too_long=_too_long(work),
        check=work.check,
        now=runtime.now,
        on_progress=lambda rows: runtime.reporter.progress("selecting", rows, None),
        timeout_seconds=runtime.settings.selection_timeout_seconds,
    )
    runtime.reporter.finish()
    samples = selection.read_samples(runtime.database, manifest.manifest_id)
    tokens = count_epoch_tokens(work.backend, work.base_model, samples, len(samples))
    with runtime.database.transaction(work.claim) as session:
        if tokens is not None:
            runs.set_manifest_tokens(session, manifest.manifest_id, tokens.count)
        runs.set_run_selection(
            session,
            work.run_id,
            manifest_id=manifest.manifest_id,
            fingerprint=manifest.fingerprint,
            training_key=wanted_keys.training_key(
                work.adapter, work.base_model, manifest.fingerprint
            ),
            samples_selected=manifest.selected,
            samples_skipped=manifest.skipped,
            samples_held_out=manifest.held_out,
            samples_used=manifest.sample_count,
        )
    skipped = f", {manifest.skipped:,} skipped" if manifest.skipped else ""
    runtime.reporter.say(f"  {count_noun(manifest.sample_count, 'sample')}{skipped}")


def _too_long(work: Work) -> Callable[[str], int | None] | None:
    """Give a function from a sample's text to its tokens where they are too many; None: no limit is
    known.
    """
    limit = work.base_model.max_tokens
    if limit is None:
        return None

    def count(text: str) -> int | None:
        # A token is at least one byte of text: most samples need no tokenizer.
        if len(text.encode("utf-8")) + _FORM_BYTES <= limit:
            return None
        sample = Sample("", text, ".", None, 1.0, None, None)
        tokens = next(work.backend.count_tokens(work.base_model, [sample])).tokens
        return tokens if tokens > limit else None

    return count


def _take_manifest(work: Work, manifest_id: int) -> None:
    """Count the samples of the manifest that the run was asked for with."""
    fingerprint = _manifest_fingerprint(work, manifest_id)
    count = len(selection.read_samples(work.runtime.database, manifest_id))
    with work.runtime.database.transaction(work.claim) as session:
        runs.set_run_selection(
            session,
            work.run_id,
            manifest_id=manifest_id,
            fingerprint=fingerprint,
            training_key=wanted_keys.training_key(work.adapter, work.base_model, fingerprint),
            samples_selected=count,
            samples_skipped=0,
            samples_held_out=0,
            samples_used=count,
        )
    work.runtime.reporter.say(f"  {count_noun(count, 'sample')} of manifest {manifest_id}")


def _manifest_fingerprint(work: Work, manifest_id: int) -> str:
    """Give the fingerprint of the samples as written: bad rows that were left out do not count."""
    with work.runtime.database.read() as session:
        manifest = manifests.get_manifest(session, manifest_id)
    if manifest is None or manifest.fingerprint is None:
        raise DataError(f"manifest {manifest_id} was deleted; use --force to begin anew")
    return manifest.fingerprint


def _store_version(work: Work, run: Run, version: versions.NewVersion) -> None:
    """Write the version and move the run on, in one transaction: one is never seen alone."""
    now = work.runtime.now()
    with work.runtime.database.transaction(work.claim) as session:
        number = versions.insert_version(session, version, now=now)
        runs.set_run_version(session, run.run_id, number, cost_usd=version.cost_usd)
        state = RunState.ANSWERING_AFTER
        step = next_step(state, run.run_kind)
        runs.set_run_state(session, run, state, next_step=step, now=now)
        add_event(work, session, "trained", f"version {number} is trained")
    work.runtime.reporter.say(f"  trained version {number} in {version.train_seconds:.1f} s")
