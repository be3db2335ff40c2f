"""Every point where a run is killed: its commits, and its calls to what is outside the database.

A point is named after the function that commits or calls, as `module.Class.function` below
`pipeline`, so a moved line changes nothing here. A new one belongs into the first list, or into the
second with the reason why no run is killed there; test_points.py finds what is in neither.
"""

from __future__ import annotations

#: Function -> how many transactions it opens. All are killed before and after their COMMIT.
COMMITS = {
    "operations.gc.finding._Look._settle_gone": 1,
    "operations.gc.removing._announce": 1,
    "operations.gc.removing._settle": 1,
    "database.bulk.SampleWriter._commit": 1,
    "database.tables.issues.replace_issues": 2,
    "database.tables.manifests.remove_manifest": 3,
    "database.tables.orphans._store_orphan": 1,
    "database.tables.run_prompts.add_prompts": 1,
    "database.tables.states._add_state": 1,
    "database.tables.states.claim_adapter": 1,
    "database.tables.states.release_adapter": 1,
    "syncing.ending.end_run": 1,
    "syncing.ending.hold_run": 1,
    "evaluation.answer_store.AnswerStore._write": 1,
    "evaluation.answer_store.AnswerStore.write_scores": 1,
    "evaluation.phase.forget_errors": 1,
    "evaluation.scoring.score_phase": 1,
    "operations.control.cancel": 1,
    "operations.control.want": 1,
    "run.journal.RunJournal.event": 1,
    "run.journal.RunJournal.intend": 1,
    "run.journal.RunJournal.plan": 1,
    "run.journal.RunJournal.record": 1,
    "run.journal.RunJournal.settle": 1,
    "run.answering.answer_before": 1,
    "run.deciding.decide": 1,
    "run.preparing._prepare_samples": 1,
    "run.preparing._take_manifest": 1,
    "run.preparing.prepare": 1,
    "run.runner.advance": 1,
    "run.training._store_version": 1,
    "selection.eval_prompts.freeze_eval_prompts": 1,
    "selection.manifest._complete": 1,
    "selection.manifest.write_manifest": 1,
    "selection.repeats._take_out": 2,
    "syncing.turn._record_refusal": 1,
    "syncing.turn._settle": 1,
    "syncing.turn._sync_held": 1,
    "syncing.turn._take_up": 1,
    "syncing.turn._tell": 1,
    "syncing.reconcile._answer": 2,
    "syncing.reconcile._answer_alias_requests": 1,
    "syncing.reconcile._end_unreadable": 1,
    "syncing.reconcile._show": 1,
}

#: Function -> why no run is killed there. A name that ends in a dot stands for all below it.
OTHER_COMMITS = {
    "database.connection.": "opens the transactions of all others",
    "database.ledger.": "`init`: tests/database/test_migrations.py kills it",
    "database.migrations.": "`init`: tests/database/test_migrations.py kills it",
    "database.reading.": "reads a selection, and rolls back",
    "database.run_scope.": "opens the transactions of a run for all others",
    "syncing.lease_keeper.LeaseKeeper._renew": "a beat every two seconds in a thread of its own; "
    "all that it commits is a later end of the lease, and each case begins by ending that",
    "operations.demo.": "what a person would insert, in one transaction",
    "operations.check.": "`check`: rolls back what it tries",
    "syncing.ending.say_what_comes_next": "a sentence for the row of a run whose process is to "
    "stop; every sync and worker writes the same where it is missing",
    "server.": "the service that a run calls; tests/server/test_restart.py kills it",
    "operations.importing.": "`import`, in one transaction",
}

#: Calls of a backend, by the function that makes them and the method.
BACKEND_CALLS = (
    "backends.token_counts.count_epoch_tokens: count_tokens",
    "evaluation.phase.answer_phase: answer",
    "operations.gc.removing._remove: remove",
    "planning.planner.find_wanted: describe",
    "run.answering._backend_of: describe",
    "run.preparing._too_long.<locals>.count: count_tokens",
    "run.training.train: train",
    "syncing.turn._work: describe",
)

#: What changes or asks the service that the `scripted` backend stands for.
SCRIPTED_CALLS = (
    "backends.scripted.backend.ScriptedBackend._answer_one",
    "backends.scripted.training.ScriptedTraining._finish: replace",
    "backends.scripted.training.ScriptedTraining._take_steps: write",
)

#: What the `local` backend does to the disk while it trains.
LOCAL_CALLS = (
    "backends.local.files.TrainingFiles.forget_checkpoints: rmtree",
    "local_lora.files.write_file: _write_synced",
    "local_lora.files.write_file: replace",
    "local_lora.files.write_folder: _write_synced",
    "local_lora.files.write_folder: rename",
    "local_lora.files.write_folder: rmtree",
)

#: Functions that work on the disk too -> why no run is killed there.
OTHER_FILE_WORK = {
    "local_lora.files._announce": "tidies up after a failed write; a kill leaves a draft",
    "local_lora.files._translate_writing": "the same",
}

#: What the `gradient` backend sends, by the method of its client.
GRADIENT_CALLS = (
    "backends.gradient.client.GradientClient.list_models",
    "backends.gradient.client.GradientClient.find_adapter",
    "backends.gradient.client.GradientClient.create_adapter",
    "backends.gradient.client.GradientClient.fine_tune",
    "backends.gradient.client.GradientClient.complete",
    "backends.gradient.client.GradientClient.delete_adapter",
)


def count_points() -> int:
    """Give how many places of the code a run is killed at, each before and after."""
    calls = (BACKEND_CALLS, SCRIPTED_CALLS, LOCAL_CALLS, GRADIENT_CALLS)
    return sum(COMMITS.values()) + sum(map(len, calls))
