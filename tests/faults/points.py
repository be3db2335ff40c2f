"""Every point where a run is killed: its commits, and its calls to what is outside the database.

A point is named after the function that commits or calls, as `module.Class.function` below
`pipeline`, so a moved line changes nothing here. A new one belongs into the first list, or into the
second with the reason why no run is killed there; test_points.py finds what is in neither.
"""

from __future__ import annotations

#: Function -> how many transactions it opens. All are killed before and after their COMMIT.
COMMITS = {
    "database.bulk.SampleWriter._commit": 1,
    "database.issues.replace_issues": 2,
    "database.manifests.remove_manifest": 3,
    "database.prompts.add_prompts": 1,
    "database.states._add_state": 1,
    "database.states.claim_adapter": 1,
    "database.states.release_adapter": 1,
    "evaluation.answer_store.AnswerStore._write": 1,
    "evaluation.answer_store.AnswerStore.write_scores": 1,
    "evaluation.answering.forget_errors": 1,
    "evaluation.scoring.score_phase": 1,
    "journal.RunJournal.event": 1,
    "journal.RunJournal.intend": 1,
    "journal.RunJournal.plan": 1,
    "journal.RunJournal.record": 1,
    "journal.RunJournal.settle": 1,
    "runner._prepare_samples": 1,
    "runner._store_version": 1,
    "runner.advance": 1,
    "runner.answer_before": 1,
    "runner.decide": 1,
    "runner.prepare": 1,
    "selection.eval_prompts.freeze_eval_prompts": 1,
    "selection.manifest._complete": 1,
    "selection.manifest.write_manifest": 1,
    "selection.repeats._take_out": 2,
    "worker._end": 1,
    "worker._record_refusal": 1,
    "worker._sync_claimed": 1,
    "worker._take_up": 1,
    "worker._tell": 1,
    "worker.cancel": 1,
}

#: Function -> why no run is killed there. A name that ends in a dot stands for all below it.
OTHER_COMMITS = {
    "database.connection.": "opens the transactions of all others",
    "database.ledger.": "`init`: tests/database/test_migrations.py kills it",
    "database.migrations.": "`init`: tests/database/test_migrations.py kills it",
    "database.reading.": "reads a selection, and rolls back",
    "database.states.renew_lease": "a beat every two seconds in a thread of its own; all that it "
    "commits is a later end of the lease, and each case begins by ending that",
    "demo.": "what a person would insert, in one transaction",
    "health.": "`check`: rolls back what it tries",
    "server.": "the service that a run calls; tests/server/test_restart.py kills it",
    "transfer.": "`import`, in one transaction",
}

#: Calls of a backend, by the function that makes them and the method.
BACKEND_CALLS = (
    "evaluation.answering.answer_phase: answer",
    "planning.find_wanted: describe",
    "runner._too_long.<locals>.count: count_tokens",
    "runner.train: train",
    "token_counts.count_epoch_tokens: count_tokens",
    "worker._work: describe",
)

#: What changes or asks the service that the `scripted` backend stands for.
SCRIPTED_CALLS = (
    "backends.scripted.ScriptedBackend._answer_one",
    "backends.scripted_training.ScriptedTraining._finish: replace",
    "backends.scripted_training.ScriptedTraining._take_steps: write",
)

#: What the `local` backend does to the disk.
LOCAL_CALLS = (
    "local_lora.files._write_synced",
    "local_lora.files.write_file",
    "local_lora.files.write_folder",
)

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
