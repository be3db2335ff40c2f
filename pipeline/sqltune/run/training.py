"""Trains: the backend makes an adapter of the manifest's samples, which becomes a version.

A run that was asked for with a kept epoch takes that epoch's weights and trains nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqltune import wanted_keys
from sqltune.backends.base import TrainedAdapter, TrainingJob, describe_origin
from sqltune.database.tables import runs, versions
from sqltune.errors import DataError
from sqltune.records import KeptEpoch, Run, RunState
from sqltune.run.journal import RunJournal
from sqltune.run.next_step import next_step
from sqltune.run.versions import (
    TrainedOn,
    epoch_adapter,
    kept_rows,
    new_version,
    trained_adapter,
)
from sqltune.run.work import (
    Work,
    add_event,
    count_noun,
    get_manifest_fingerprint,
    get_version,
)
from sqltune.selection import read_samples, read_validation


def train(work: Work, run: Run) -> None:
    """Train with the backend, and store the result as the adapter's next version."""
    if run.manifest_id is None:
        raise DataError(f"run {run.run_id} has no manifest; use --force to start a new run")
    if run.from_epoch is not None:
        _take_epoch(work, run, run.manifest_id)
        return
    scope, reporter = work.scope, work.runtime.reporter
    samples = read_samples(scope.database, run.manifest_id)
    validation = read_validation(scope.database, run.manifest_id)
    job = TrainingJob(
        run_key=run.run_key or str(run.run_id),
        adapter_name=work.adapter.adapter_name,
        base_model=work.base_model,
        options=wanted_keys.training_options(work.adapter),
        fingerprint=get_manifest_fingerprint(work, run.manifest_id),
        attempt=scope.claim.attempt,
        validation=validation if len(validation) else None,
    )
    began = scope.now()
    epochs = count_noun(work.adapter.epochs, "epoch")
    work.say(f"training on {count_noun(len(samples), 'sample')}, {epochs}")
    trained = work.backend.train(job, samples, RunJournal(scope, reporter))
    reporter.finish()
    seconds = (scope.now() - began).total_seconds()
    trained_on = TrainedOn(job.fingerprint, len(samples), len(validation))
    version = new_version(run, trained, work.adapter.backend, work.base_model, trained_on, seconds)
    kept = kept_rows(run, trained, work.adapter.backend)
    number = _store_version(work, run, version, kept)
    chosen = "" if version.eval_loss is None else f": the weights after epoch {version.best_epoch}"
    work.say(f"trained version {number} in {version.train_seconds:.1f} s{chosen}")


def _take_epoch(work: Work, run: Run, manifest_id: int) -> None:
    """Make the adapter's next version of weights that an earlier run kept after an epoch."""
    database = work.scope.database
    trained_on = TrainedOn(
        get_manifest_fingerprint(work, manifest_id),
        len(read_samples(database, manifest_id)),
        len(read_validation(database, manifest_id)),
    )
    trained = _find_epoch(work, run.from_run_id or 0, run.from_epoch or 0)
    version = new_version(run, trained, work.adapter.backend, work.base_model, trained_on, 0.0)
    number = _store_version(work, run, version, [])
    work.say(f"version {number} is epoch {run.from_epoch} of run {run.from_run_id}")


def _find_epoch(work: Work, run_id: int, epoch: int) -> TrainedAdapter:
    """Return the adapter that a run kept after an epoch, with the options of its training.

    Raises:
        DataError: its row was deleted.
    """
    with work.scope.read() as session:
        kept = versions.get_kept_epoch(session, run_id, epoch)
        source = runs.get_run(session, run_id)
    if kept is None or source is None:
        raise DataError(
            f"epoch {epoch} of run {run_id} was deleted from kept_epochs: restore its row",
            table="kept_epochs",
            key=str(run_id),
            code="unknown_epoch",
        )
    return epoch_adapter(trained_adapter(get_version(work, source.version_number)), kept)


def _store_version(
    work: Work, run: Run, version: versions.NewVersion, kept_epochs: Sequence[KeptEpoch]
) -> int:
    """Store the version and move the run to its next state, in one transaction.

    Returns its number.
    """
    scope, state = work.scope, RunState.ANSWERING_AFTER
    now, step = scope.now(), next_step(state, run.run_kind)
    with scope.transaction() as session:
        number = versions.insert_version(session, version, now=now)
        for kept in kept_epochs:
            versions.insert_kept_epoch(session, kept, now=now)
        runs.set_run_version(session, run.run_id, number, cost_usd=version.cost_usd)
        runs.set_run_state(session, run, state, next_step=step, now=now)
        message = f"version {number} {_describe_origin(work, run, version)}"
        add_event(work, session, "trained", message)
    return number


def _describe_origin(work: Work, run: Run, version: versions.NewVersion) -> str:
    if run.from_epoch is not None:
        return f"has the weights that run {run.from_run_id} kept after epoch {run.from_epoch}"
    base = f"{version.base_model}, {describe_origin(work.base_model)}"
    if version.eval_loss is None:
        return f"is trained on base model {base}"
    return (
        f"is trained on base model {base}; its weights are those after epoch {version.best_epoch}, "
        f"whose eval_loss {version.eval_loss:.4f} is the lowest"
    )
