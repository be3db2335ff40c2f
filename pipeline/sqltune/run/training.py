"""Trains: the backend makes an adapter of the manifest's samples, which becomes a version."""

from __future__ import annotations

from sqltune import wanted_keys
from sqltune.backends.base import TrainingJob, describe_origin
from sqltune.database.tables import runs, versions
from sqltune.errors import DataError
from sqltune.records import Run, RunState
from sqltune.run.journal import RunJournal
from sqltune.run.next_step import next_step
from sqltune.run.versions import new_version
from sqltune.run.work import Work, add_event, count_noun, get_manifest_fingerprint
from sqltune.selection import read_samples


def train(work: Work, run: Run) -> None:
    """Train with the backend, and store the result as the adapter's next version."""
    if run.manifest_id is None:
        raise DataError(f"run {run.run_id} has no manifest; use --force to start a new run")
    scope, reporter = work.scope, work.runtime.reporter
    fingerprint = get_manifest_fingerprint(work, run.manifest_id)
    samples = read_samples(scope.database, run.manifest_id)
    job = TrainingJob(
        run_key=run.run_key or str(run.run_id),
        adapter_name=work.adapter.adapter_name,
        base_model=work.base_model,
        options=wanted_keys.training_options(work.adapter),
        fingerprint=fingerprint,
        attempt=scope.claim.attempt,
    )
    began = scope.now()
    epochs = count_noun(work.adapter.epochs, "epoch")
    work.say(f"training on {count_noun(len(samples), 'sample')}, {epochs}")
    trained = work.backend.train(job, samples, RunJournal(scope, reporter))
    reporter.finish()
    seconds = (scope.now() - began).total_seconds()
    version = new_version(
        run, trained, work.adapter.backend, work.base_model, fingerprint, len(samples), seconds
    )
    _store_version(work, run, version)


def _store_version(work: Work, run: Run, version: versions.NewVersion) -> None:
    """Store the version and move the run to its next state, in one transaction."""
    scope, state = work.scope, RunState.ANSWERING_AFTER
    now, step = scope.now(), next_step(state, run.run_kind)
    with scope.transaction() as session:
        number = versions.insert_version(session, version, now=now)
        runs.set_run_version(session, run.run_id, number, cost_usd=version.cost_usd)
        runs.set_run_state(session, run, state, next_step=step, now=now)
        origin = f"{version.base_model}, {describe_origin(work.base_model)}"
        add_event(work, session, "trained", f"version {number} is trained on base model {origin}")
    work.say(f"trained version {number} in {version.train_seconds:.1f} s")
