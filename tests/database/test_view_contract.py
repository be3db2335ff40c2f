"""The report views are a contract: their columns, the types of these, and the names to join by."""

from __future__ import annotations

import pytest
from sqlalchemy import inspect

from sqltune.database.connection import Database
from sqltune.database.scripts import read_views
from tests.database.report_rows import select
from tests.engines import SERVERS

#: A column that is missing, new or moved here breaks a dashboard.
CONTRACT = {
    "report_before_after": "adapter_name version_number prompt_key run_id manifest_id "
    "adapter_label is_latest base_model category scorer is_leaked prompt expected response_base "
    "response_before response_after before_is_base outcome not_compared_reason is_improved "
    "is_regressed score_base score_before score_after score_change passed_before passed_after "
    "latency_ms_before latency_ms_after decided_at decided_date",
    "report_scores": "adapter_name version_number prompt_key phase scorer run_id manifest_id "
    "adapter_label is_latest base_model category is_leaked prompt phase_order is_primary_scorer "
    "score "
    "pass_threshold passed output_tokens latency_ms scored_at scored_date error_message reason",
    "report_adapter_versions": "adapter_name version_number run_id evaluation_run_id manifest_id "
    "dataset_number adapter_label state is_latest is_live backend base_model method lora_rank "
    "epochs rehearsal prompt_format quantization sample_count validation_count steps "
    "tokens_processed final_train_loss best_epoch eval_loss "
    "prompts_evaluated score_before score_after score_change prompts_improved prompts_regressed "
    "pass_rate_before pass_rate_after cost_usd failed_runs train_seconds created_at created_date "
    "retired_at forgotten_count",
    "report_evaluations": "adapter_name version_number evaluation_number run_id manifest_id "
    "adapter_label is_latest is_live base_model compared_version decision prompt_count clean_count "
    "leaked_count error_count mean_score clean_score interval_low interval_high previous_version "
    "is_comparable not_comparable_reason score_change comparison_key reason evaluated_at "
    "evaluated_date",
    "report_predictions": "adapter_name version_number row_key run_id adapter_label is_by_live "
    "answer finish_reason prompt_tokens output_tokens latency_ms attempt_count answered_at "
    "answered_date error_code error_message",
    "report_training_steps": "adapter_name version_number run_id step manifest_id adapter_label "
    "is_latest epoch train_loss sample_loss smoothed_loss eval_loss is_best learning_rate tokens "
    "tokens_seen "
    "logged_at",
    "report_runs": "adapter_name version_number run_id manifest_id adapter_label run_kind "
    "trigger_reason backend base_model is_latest is_forced is_trial is_simulated state "
    "desired_state next_step is_stuck stuck_reason is_failed samples_used samples_skipped "
    "samples_validated "
    "prompts_selected steps_done steps_total tokens_processed cost_usd wait_seconds run_seconds "
    "queued_at queued_date started_at state_changed_at last_alive_at finished_at lease_expires_at "
    "error_code error_message",
    "report_datasets": "adapter_name dataset_number manifest_id fingerprint sample_count "
    "validation_count "
    "samples_added samples_edited samples_removed token_count created_at created_date",
    "report_samples": "adapter_name dataset_number manifest_id position sample_key content_hash "
    "is_validation split group_key prompt_preview response_preview weight created_at",
    "report_lineage": "adapter_name version_number sample_key run_id manifest_id position "
    "adapter_label is_latest is_live is_validation content_hash prompt response system_prompt "
    "messages weight group_key split trained_at forgotten_at",
    "report_sample_changes": "adapter_name version_number old_version sample_key old_manifest_id "
    "manifest_id adapter_label sample_change old_prompt prompt old_response response "
    "old_system_prompt system_prompt old_messages messages old_weight weight old_group_key "
    "group_key old_split split trained_at",
    "report_live_history": "adapter_name version_number alias move_number old_version "
    "adapter_label began_at ended_at is_now moved_by run_id reason",
    "report_erasures": "adapter_name version_number erasure_id adapter_label state requested_by "
    "sample_count samples_seen weights_kept samples_removed prompts_removed answers_removed "
    "messages_removed files_removed samples_left queries_left requested_at erased_at",
    "report_data_issues": "adapter_name version_number run_id issue_number found_by selection "
    "severity rule row_key column_name message found_at",
    "report_orphans": "adapter_name version_number orphan_key run_id adapter_label orphan_kind "
    "backend place external_id address is_unknown_run state reason size_bytes found_at found_date "
    "last_seen_at removed_at error_message",
    "report_questions": "adapter_name version_number question_id adapter_label base_model backend "
    "alias asked_version state prompt system_prompt messages answer finish_reason prompt_tokens "
    "output_tokens latency_ms asked_by asked_at asked_date answered_at error_code error_message",
    "report_feedback": "adapter_name version_number feedback_id question_id run_id prompt_key "
    "adapter_label prompt answer rating correction given_by given_at given_date",
    "report_use": "adapter_name version_number hour_at hour_date model_name adapter_label "
    "request_count answered_count error_count cancelled_count prompt_tokens output_tokens "
    "latency_ms_mean latency_ms_p50 latency_ms_p95 latency_ms_p99 latency_ms_max",
}


def test_the_views_are_those_of_the_contract(database: Database) -> None:
    assert [view.name for view in read_views()] == list(CONTRACT)
    with database.engine.connect() as connection:
        assert set(inspect(connection).get_view_names()) == set(CONTRACT)


@pytest.mark.parametrize("view", CONTRACT)
def test_every_view_has_the_columns_of_the_contract(database: Database, view: str) -> None:
    with database.read() as session:
        result = session.connection.exec_driver_sql(f"SELECT * FROM {view}")
        assert list(result.keys()) == CONTRACT[view].split()


@pytest.mark.parametrize("database_engine", ["sqlite"])
def test_sqlite_gives_values_whose_types_bi_tools_read_well(reported: Database) -> None:
    # Its views have no declared types; what counts is the type of each value.
    rows = select(
        reported,
        "typeof(score_change), typeof(is_improved), typeof(decided_date)",
        "report_before_after WHERE score_change IS NOT NULL",
    )
    assert set(rows) == {("real", "integer", "text")}


@pytest.mark.parametrize("database_engine", SERVERS)
def test_a_server_gives_columns_whose_types_bi_tools_read_well(reported: Database) -> None:
    kinds = select(
        reported,
        "column_name, column_type",
        "information_schema.columns"
        " WHERE table_schema = DATABASE() AND table_name LIKE 'report_%%'",
    )
    types = {str(name): str(kind) for name, kind in kinds}
    assert len(types) > 50
    assert not [n for n, kind in types.items() if kind in ("tinyint(1)", "json", "timestamp")]
    assert not [n for n, kind in types.items() if "unsigned" in kind]
    scores = {kind.partition("(")[0] for name, kind in types.items() if name.startswith("score_")}
    assert scores == {"double"}


#: The questions that a join answers, the join, and how many rows the history has for it.
JOINS = {
    "which versions were trained on a row": (
        "report_samples s JOIN report_adapter_versions v ON v.manifest_id = s.manifest_id"
        " WHERE s.sample_key = 's'",
        2,
    ),
    "which runs used a dataset": (
        "report_datasets d JOIN report_runs r ON r.manifest_id = d.manifest_id",
        2,
    ),
    "what a run was trained on": (
        "report_runs r JOIN report_samples s ON s.manifest_id = r.manifest_id WHERE r.run_id = 2",
        1,
    ),
    "the loss curve of a version": (
        "report_adapter_versions v JOIN report_training_steps t ON t.run_id = v.run_id",
        4,
    ),
    "the steps of each dataset": (
        "report_training_steps t JOIN report_datasets d ON d.manifest_id = t.manifest_id",
        4,
    ),
    "the scores behind a comparison": (
        "report_before_after b JOIN report_scores s ON s.run_id = b.run_id"
        " AND s.prompt_key = b.prompt_key WHERE b.version_number = 1 AND b.prompt_key = 'k1'",
        3,
    ),
    "the run that evaluated a version": (
        "report_adapter_versions v JOIN report_runs r ON r.run_id = v.evaluation_run_id"
        " JOIN report_before_after b ON b.run_id = r.run_id",
        8,
    ),
    "the run behind a point of a trend": (
        "report_evaluations e JOIN report_runs r ON r.run_id = e.run_id"
        " JOIN report_adapter_versions v ON v.adapter_name = e.adapter_name"
        " AND v.version_number = e.version_number",
        6,
    ),
    "the samples behind a regression": (
        "report_before_after b JOIN report_samples s ON s.manifest_id = b.manifest_id"
        " WHERE b.is_regressed = 1",
        1,
    ),
    "what was said about the answers of a version": (
        "report_adapter_versions v JOIN report_questions q ON q.adapter_name = v.adapter_name"
        " AND q.version_number = v.version_number"
        " JOIN report_feedback f ON f.question_id = q.question_id",
        1,
    ),
    "what became of the version of an orphan": (
        "report_orphans o JOIN report_adapter_versions v ON v.adapter_name = o.adapter_name"
        " AND v.version_number = o.version_number JOIN report_runs r ON r.run_id = o.run_id",
        1,
    ),
}


@pytest.mark.parametrize("question", JOINS)
def test_the_views_are_joined_by_the_names_of_their_columns(
    reported: Database, question: str
) -> None:
    join, count = JOINS[question]
    assert select(reported, "COUNT(*)", join) == [(count,)]


def test_every_view_begins_with_the_adapter_and_numbers_its_versions_alike() -> None:
    for view, columns in CONTRACT.items():
        number = "dataset_number" if view in ("report_datasets", "report_samples") else None
        first, second = columns.split()[:2]
        assert (first, second) == ("adapter_name", number or "version_number"), view
