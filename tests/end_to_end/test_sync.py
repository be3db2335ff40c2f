"""Rows in, one `sync`, rows out: the main job, on every engine, through the installed command."""

from __future__ import annotations

import pandas as pd
import pytest

from sqltune.database.tables.reports import view_columns
from tests.end_to_end.command import People, Sqltune
from tests.end_to_end.conftest import ANSWER, QUESTION, declare_office

UNKNOWN = "I do not know."


def test_a_first_sync_turns_rows_into_a_live_version_with_answers_and_scores(
    sqltune_on: Sqltune, people_on: People
) -> None:
    declare_office(people_on)
    done = sqltune_on.well("sync")
    assert "office: train, never trained" in done.err
    version = people_on.rows("SELECT version_number, state, sample_count FROM adapter_versions")
    assert version == [(1, "accepted", 1)]
    answers = people_on.rows("SELECT phase, response FROM responses ORDER BY phase")
    assert answers == [("after", ANSWER), ("base", UNKNOWN)]
    scores = dict(people_on.rows("SELECT phase, score FROM scores"))
    assert scores["after"] == 1
    assert scores["base"] < 1
    assert people_on.count("training_metrics") == people_on.value("SELECT steps_total FROM runs")
    gate = people_on.rows("SELECT decision, compared_phase, wins FROM gate_decisions")
    assert gate == [("accepted", "base", 1)]
    assert people_on.rows("SELECT alias, version_number FROM aliases") == [("live", 1)]
    assert people_on.count("alias_history") == 1
    lease = people_on.rows("SELECT lease_owner, run_id FROM adapter_states")
    assert lease == [(None, None)]


def test_a_first_sync_fills_every_report(sqltune_on: Sqltune, people_on: People) -> None:
    declare_office(people_on)
    sqltune_on.well("sync")
    report = people_on.rows(
        "SELECT prompt, expected, response_base, response_before, response_after, before_is_base,"
        " score_after, outcome, is_latest FROM report_before_after"
    )
    assert report == [(QUESTION, ANSWER, UNKNOWN, UNKNOWN, ANSWER, 1, 1.0, "improved", 1)]
    run = people_on.rows("SELECT state, run_kind, is_simulated FROM report_runs")
    assert run == [("succeeded", "train", 1)]
    for view in ("scores", "adapter_versions", "training_steps", "datasets", "samples"):
        assert people_on.count(f"report_{view}") > 0, view
    assert people_on.count("report_training_steps", "smoothed_loss IS NULL") == 0


def test_pandas_reads_every_time_and_date_of_the_reports(
    sqltune_on: Sqltune, people_on: People
) -> None:
    declare_office(people_on)
    sqltune_on.well("sync")
    for view, columns in view_columns().items():
        for name in columns.times + columns.dates:
            values = [row[0] for row in people_on.rows(f"SELECT {name} FROM {view}")]
            read = pd.to_datetime(pd.Series(values, dtype=object))
            assert read.dtype.kind == "M", f"{view}.{name}"
            assert read.isna().sum() == values.count(None), f"{view}.{name}"


def test_a_second_sync_says_that_nothing_changed_and_trains_nothing(
    sqltune_on: Sqltune, people_on: People
) -> None:
    declare_office(people_on)
    people_on.do("UPDATE adapters SET validation_share = 0.3")
    words = [f"{word} {n}" for word in ("Where", "When", "Why") for n in range(5)]
    samples = [{"dataset": "office", "prompt": word, "response": "Now."} for word in words]
    people_on.insert_many("training_samples", samples)
    # Forked commands share a hash seed; two people's do not.
    sqltune_on.well("sync", PYTHONHASHSEED="1")
    done = sqltune_on.well("sync", PYTHONHASHSEED="2")
    assert "office: up to date, nothing changed since run" in done.err
    assert people_on.count("runs") == 1
    decision = people_on.rows("SELECT decision, decision_reason FROM adapter_states")
    assert decision[0][0] == "up_to_date"
    assert "nothing changed" in decision[0][1]


def test_the_second_version_is_compared_with_the_live_one(
    sqltune_on: Sqltune, people_on: People
) -> None:
    declare_office(people_on)
    sqltune_on.well("sync")
    people_on.do("UPDATE training_samples SET response = 'Our office is in Delft.'")
    people_on.do("UPDATE eval_prompts SET expected = 'Our office is in Delft.'")
    sqltune_on.well("sync")
    report = people_on.rows(
        "SELECT response_base, response_before, response_after, before_is_base"
        "  FROM report_before_after WHERE version_number = 2"
    )
    assert report == [(UNKNOWN, ANSWER, "Our office is in Delft.", 0)]
    latest = people_on.rows("SELECT version_number, is_latest FROM adapter_versions ORDER BY 1")
    assert latest == [(1, 0), (2, 1)]
    assert people_on.rows("SELECT version_number FROM aliases") == [(2,)]
    moves = people_on.rows("SELECT old_version, new_version FROM alias_history ORDER BY 2")
    assert moves == [(None, 1), (1, 2)]
    datasets = people_on.rows(
        "SELECT samples_added, samples_edited, samples_removed FROM report_datasets"
        " ORDER BY dataset_number"
    )
    assert datasets == [(1, 0, 0), (0, 1, 0)]


def test_an_insert_an_edit_and_a_delete_each_train_again_and_say_why(
    sqltune_on: Sqltune, people_on: People
) -> None:
    declare_office(people_on)
    sqltune_on.well("sync")
    changes = [
        (
            "INSERT INTO training_samples (dataset, prompt, response) VALUES ('office', 'a', 'b')",
            "1 new of 1 sample",
        ),
        (
            "UPDATE training_samples SET response = 'c' WHERE prompt = 'a'",
            "1 edited of 2 samples",
        ),
        (
            "DELETE FROM training_samples WHERE prompt = 'a'",
            "1 gone of 2 samples",
        ),
    ]
    for number, (change, reason) in enumerate(changes, start=2):
        people_on.do(change)
        done = sqltune_on.well("sync")
        assert f"office: train, {reason}" in done.err
        run = people_on.rows(
            "SELECT run_kind, trigger_reason, version_number FROM runs WHERE version_number = :n",
            n=number,
        )
        assert run == [("train", reason, number)]


def test_a_change_of_the_evaluation_alone_trains_nothing(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    people.ask("office", "Who are you?", "A model.")
    done = sqltune.well("sync")
    assert (
        "office: evaluate, only the evaluation prompts changed (1 before, 2 now): v1 is evaluated "
        "again" in done.err
    )
    runs = people.rows("SELECT run_kind, version_number FROM runs ORDER BY run_id")
    assert runs == [("train", 1), ("evaluate", 1)]
    assert people.count("adapter_versions") == 1
    assert people.count("report_before_after") == 2


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE eval_prompts SET expected = 'In Utrecht.'",
        "UPDATE eval_prompts SET scorer = 'exact'",
        "UPDATE adapters SET extra_scorers = 'exact, rouge_l', max_new_tokens = 7",
        "DELETE FROM eval_prompts",
    ],
)
def test_what_only_the_evaluation_depends_on_evaluates(
    sqltune: Sqltune, people: People, trained_office: str, change: str
) -> None:
    people.do(change)
    sqltune.well("sync")
    kinds = people.rows("SELECT run_kind, state FROM runs ORDER BY run_id")
    assert kinds == [("train", "succeeded"), ("evaluate", "succeeded")]
    assert "nothing changed" in sqltune.well("sync").err


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("base_model = 'toy-2'", "the base model changed from toy to toy-2"),
        ("base_model_revision = 'r2'", "toy has another revision now"),
        ("epochs = 2, lora_rank = 8", "epochs 1 -> 2; lora_rank NULL -> 8"),
    ],
)
def test_what_training_depends_on_trains(
    sqltune: Sqltune, people: People, trained_office: str, change: str, reason: str
) -> None:
    people.do(f"UPDATE adapters SET {change}")
    assert f"office: train, {reason}" in sqltune.well("sync").err
    assert people.count("adapter_versions") == 2
    assert "nothing changed" in sqltune.well("sync").err


def test_force_trains_although_nothing_changed(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    assert "requested by --force" in sqltune.well("sync", "--force").err
    assert people.count("adapter_versions") == 2
    assert people.count("manifests") == 1, "an equal manifest is shared"
    assert "nothing changed" in sqltune.well("sync").err


def test_base_answers_that_are_known_are_not_asked_again(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    sqltune.well("sync", "--force")
    base = people.rows("SELECT reused_run_id FROM responses WHERE phase = 'base' ORDER BY run_id")
    first_run = people.value("SELECT MIN(run_id) FROM runs")
    assert base == [(None,), (first_run,)]


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(
    sqltune_on: Sqltune, people_on: People
) -> None:
    declare_office(people_on)
    sqltune_on.play(faults=[{"at": "answer", "kind": "raise"}, {"at": "train"}])
    before = people_on.dump()
    done = sqltune_on.well("sync", "--dry-run", "--json")
    assert [(row["decision"], row["samples"]) for row in done.data] == [("train", 1)]
    assert people_on.dump() == before
    assert not (sqltune_on.folder / "artifacts").exists()


def test_a_refusing_gate_ends_with_3_and_leaves_live_where_it_is(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    people.do("UPDATE adapters SET min_gain = 0.2")
    people.do("UPDATE training_samples SET response = 'No idea.'")
    done = sqltune("sync")
    assert done.code == 3
    assert "below min_gain +0.2" in done.err
    assert people.value("SELECT state FROM runs WHERE version_number = 2") == "rejected"
    assert people.value("SELECT state FROM adapter_versions WHERE version_number = 2") == "rejected"
    assert people.rows("SELECT version_number FROM aliases") == [(1,)]
    again = sqltune.well("sync")
    assert "nothing changed since run" in again.err, "3 belongs to the sync in which it happened"


def test_a_disabled_adapter_is_left_alone(sqltune: Sqltune, people: People, office: str) -> None:
    people.do("UPDATE adapters SET is_enabled = 0")
    done = sqltune.well("sync")
    assert "no enabled adapter" in done.err
    assert people.count("runs") == 0


def test_only_the_named_adapters_are_synced(sqltune: Sqltune, people: People, office: str) -> None:
    declare_office(people, "garden")
    sqltune.well("sync", "garden")
    assert people.rows("SELECT adapter_name FROM runs") == [("garden",)]


def test_an_unknown_adapter_ends_with_2_and_names_those_there_are(
    sqltune: Sqltune, people: People, office: str
) -> None:
    done = sqltune("sync", "offcie")
    assert done.code == 2
    assert "no adapter named 'offcie'" in done.err
    assert "office" in done.err
    assert people.count("runs") == 0


def test_one_failing_adapter_does_not_hold_up_another(
    sqltune: Sqltune, people: People, office: str
) -> None:
    declare_office(people, "attic")
    people.do("UPDATE adapters SET training_query = 'DELETE FROM x' WHERE adapter_name = 'attic'")
    done = sqltune("sync")
    assert done.code == 1
    states = people.rows("SELECT adapter_name, state FROM runs ORDER BY adapter_name")
    assert states == [("attic", "failed"), ("office", "succeeded")]


def test_the_effective_settings_are_stored_with_the_run_without_the_address(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    settings = people.value("SELECT settings FROM runs")
    assert '"lease_seconds"' in settings
    assert '"adapter_name": "office"' in settings
    assert "database_url" not in settings


def test_a_row_rolls_live_back_and_one_that_cannot_gets_its_reason(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    sqltune.well("sync", "--force")
    assert people.rows("SELECT version_number FROM aliases") == [(2,)]
    people.insert("alias_changes", adapter_name="office", version_number=1)
    people.insert("alias_changes", adapter_name="office", version_number=9)
    sqltune.well("sync")
    states = people.rows("SELECT version_number, state FROM alias_changes ORDER BY version_number")
    assert states == [(1, "applied"), (9, "refused")]
    reason = people.value("SELECT reason FROM alias_changes WHERE version_number = 9")
    assert reason == "office has no version 9"
    assert people.rows("SELECT version_number FROM aliases") == [(1,)]
    assert people.count("alias_history") == 3


def test_a_clock_that_was_ahead_once_does_not_make_every_later_sync_evaluate_again(
    sqltune: Sqltune, people: People
) -> None:
    declare_office(people)
    sqltune.well("sync")
    ahead = "UPDATE runs SET started_at = '2999-01-01 00:00:00.000000' WHERE run_id = 1"
    people.do(ahead)
    people.ask("office", "When are you open?", "At nine.")
    sqltune.well("sync")
    assert "up to date" in sqltune.well("sync").err
    assert people.rows("SELECT run_kind, state FROM runs ORDER BY run_id") == [
        ("train", "succeeded"),
        ("evaluate", "succeeded"),
    ]
    assert people.value("SELECT COUNT(*) FROM report_before_after WHERE is_latest = 1") == 2


def test_a_sync_names_the_rules_that_warn_of_rows(
    sqltune: Sqltune, people: People, office: str
) -> None:
    people.teach("office", QUESTION, "In another town.")
    said = sqltune.well("sync").err
    assert "  warnings: 1 contradiction, 2 leak (report_data_issues, run_id 1)\n" in said
