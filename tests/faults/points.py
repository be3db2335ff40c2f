"""Every point where a run is killed: its commits, and its calls to what is outside the database.

A point is named after the function that commits or calls, as `module.Class.function` below
`pipeline`, so a moved line changes nothing here. A new one belongs into the first list, or into the
second with the reason why no run is killed there; test_points.py finds what is in neither.
"""

from __future__ import annotations

#: Function -> how many transactions it opens. All are killed before and after their COMMIT.
COMMITS = {
    "cleaning.finding._Look._settle_gone": 1,
    "cleaning.removing._announce": 1,
    "cleaning.removing._settle": 1,
    "database.bulk.SampleWriter._commit": 1,
    "database.issues.replace_issues": 2,
    "database.manifests.remove_manifest": 3,
    "database.orphans._store_orphan": 1,
    "database.prompts.add_prompts": 1,
    "database.states._add_state": 1,
    "database.states.claim_adapter": 1,
    "database.states.release_adapter": 1,
    "ending.end_run": 1,
    "ending.hold_run": 1,
    "evaluation.answer_store.AnswerStore._write": 1,
    "evaluation.answer_store.AnswerStore.write_scores": 1,
    "evaluation.answering.forget_errors": 1,
    "evaluation.scoring.score_phase": 1,
    "interventions.cancel": 1,
    "interventions.want": 1,
    "journal.RunJournal.event": 1,
    "journal.RunJournal.intend": 1,
    "journal.RunJournal.plan": 1,
    "journal.RunJournal.record": 1,
    "journal.RunJournal.settle": 1,
    "run_answers.answer_before": 1,
    "runner._prepare_samples": 1,
    "runner._store_version": 1,
    "runner._take_manifest": 1,
    "runner.advance": 1,
    "runner.decide": 1,
    "runner.prepare": 1,
    "selection.eval_prompts.freeze_eval_prompts": 1,
    "selection.manifest._complete": 1,
    "selection.manifest.write_manifest": 1,
    "selection.repeats._take_out": 2,
    "syncing._record_refusal": 1,
    "syncing._settle": 1,
    "syncing._sync_held": 1,
    "syncing._take_up": 1,
    "syncing._tell": 1,
    "tending._answer": 2,
    "tending._answer_alias_requests": 1,
    "tending._end_unreadable": 1,
    "tending._show": 1,
}

#: Function -> why no run is killed there. A name that ends in a dot stands for all below it.
OTHER_COMMITS = {
    "database.connection.": "opens the transactions of all others",
    "database.ledger.": "`init`: tests/database/test_migrations.py kills it",
    "database.migrations.": "`init`: tests/database/test_migrations.py kills it",
    "database.reading.": "reads a selection, and rolls back",
    "lease.LeaseKeeper._renew": "a beat every two seconds in a thread of its own; all that it "
    "commits is a later end of the lease, and each case begins by ending that",
    "demo.": "what a person would insert, in one transaction",
    "health.": "`check`: rolls back what it tries",
    "ending.say_what_comes_next": "a sentence for the row of a run whose process is to stop; "
    "every sync and worker writes the same where it is missing",
    "server.": "the service that a run calls; tests/server/test_restart.py kills it",
    "transfer.": "`import`, in one transaction",
}

#: Calls of a backend, by the function that makes them and the method.
BACKEND_CALLS = (
    "evaluation.answering.answer_phase: answer",
    "cleaning.removing._remove: remove",
    "planning.find_wanted: describe",
    "run_answers._home_of: describe",
    "runner._too_long.<locals>.count: count_tokens",
    "runner.train: train",
    "syncing._work: describe",
    "token_counts.count_epoch_tokens: count_tokens",
)

#: What changes or asks the service that the `scripted` backend stands for.
SCRIPTED_CALLS = (
    "backends.scripted.ScriptedBackend._answer_one",
    "backends.scripted_training.ScriptedTraining._finish: replace",
    "backends.scripted_training.ScriptedTraining._take_steps: write",
)

#: What the `local` backend does to the disk while it trains.
LOCAL_CALLS = (
    "backends.local_files.TrainingFiles.forget_checkpoints: rmtree",
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
    "backends.gradient_client.GradientClient.list_models",
    "backends.gradient_client.GradientClient.find_adapter",
    "backends.gradient_client.GradientClient.create_adapter",
    "backends.gradient_client.GradientClient.fine_tune",
    "backends.gradient_client.GradientClient.complete",
    "backends.gradient_client.GradientClient.delete_adapter",
)


def count_points() -> int:
    """Give how many places of the code a run is killed at, each before and after."""
    calls = (BACKEND_CALLS, SCRIPTED_CALLS, LOCAL_CALLS, GRADIENT_CALLS)
    return sum(COMMITS.values()) + sum(map(len, calls))
