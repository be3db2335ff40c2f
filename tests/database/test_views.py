"""The report views: their columns are a contract, and their figures are right."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
from sqlalchemy import inspect

from sqltune.database.connection import Database
from sqltune.database.scripts import read_views
from tests.database.report_rows import insert_history
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


@pytest.fixture
def reported(database: Database) -> Database:
    """A database with the history of `report_rows`."""
    insert_history(database)
    return database


def select(database: Database, columns: str, rest: str) -> list[tuple[Any, ...]]:
    with database.read() as session:
        found = session.connection.exec_driver_sql(f"SELECT {columns} FROM {rest}").fetchall()
    return [tuple(_plain(value) for value in row) for row in found]


def _plain(value: Any) -> Any:
    """A Decimal and a date as every engine can give them."""
    if isinstance(value, date | datetime):
        return str(value)
    return float(value) if type(value).__name__ == "Decimal" else value


def test_a_prediction_says_who_answered_and_whether_that_is_live(reported: Database) -> None:
    with reported.read() as session:
        rows = session.connection.exec_driver_sql(
            "SELECT row_key, adapter_label, is_by_live, answer, attempt_count, error_code"
            " FROM report_predictions ORDER BY row_key"
        )
        assert [tuple(row) for row in rows] == [
            ("17", "support-bot v1", 1, "Yes.", 1, None),
            ("18", "support-bot v2", 0, None, 3, "overloaded"),
        ]


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


def test_without_a_live_version_the_base_answers_stand_for_before(reported: Database) -> None:
    rows = select(
        reported,
        "prompt_key, response_base, response_before, response_after, before_is_base, score_before,"
        " score_after, score_change, outcome, is_improved, is_regressed, passed_after",
        "report_before_after WHERE version_number = 1 ORDER BY prompt_key",
    )
    assert rows == [
        ("k1", "base k1", "base k1", "after k1", 1, 0, 1, 1, "improved", 1, 0, 1),
        ("k2", "base k2", "base k2", "after k2", 1, 1, 0, -1, "regressed", 0, 1, 0),
        ("k3", "base k3", "base k3", "after k3", 1, None, None, None, "not_compared", 0, 0, None),
        ("k4", "base k4", "base k4", "after k4", 1, 0.3, 0.3, 0, "unchanged", 0, 0, 0),
    ]


def test_a_version_is_compared_with_what_was_live_under_equal_settings(reported: Database) -> None:
    rows = select(
        reported,
        "prompt_key, response_base, response_before, before_is_base, score_base, score_before,"
        " score_after, score_change, outcome, is_improved",
        "report_before_after WHERE is_latest = 1 ORDER BY prompt_key",
    )
    assert rows == [
        ("k1", "base k1", "before k1", 0, 0, 1, 1, 0, "unchanged", 0),
        ("k2", "base k2", "before k2", 0, 1, 0, 1, None, "not_compared", 0),
        ("k3", "base k3", "before k3", 0, None, None, None, None, "not_compared", 0),
        ("k4", "base k4", None, 0, 0.3, None, 1, None, "not_compared", 0),
    ]


def test_a_score_is_a_row_with_its_phase_in_order(reported: Database) -> None:
    rows = select(
        reported,
        "scorer, is_primary_scorer, phase, phase_order, score, passed",
        "report_scores WHERE version_number = 1 AND prompt_key = 'k1' ORDER BY phase_order, scorer",
    )
    assert rows == [
        ("exact", 1, "base", 0, 0, 0),
        ("exact", 1, "after", 2, 1, 1),
        ("token_f1", 0, "after", 2, 0.5, 0),
    ]


def test_an_evaluation_that_is_not_the_latest_is_not_shown(reported: Database) -> None:
    with reported.transaction() as session:
        session.connection.exec_driver_sql(
            "UPDATE adapter_versions SET evaluation_run_id = NULL WHERE version_number = 1"
        )
    assert {row[0] for row in select(reported, "version_number", "report_before_after")} == {2}
    assert {row[0] for row in select(reported, "version_number", "report_scores")} == {2}


def test_a_version_is_summed_up_in_one_row(reported: Database) -> None:
    rows = select(
        reported,
        "adapter_label, is_latest, is_live, state, dataset_number, prompts_evaluated, score_before,"
        " score_after, score_change, prompts_improved, prompts_regressed, pass_rate_before,"
        " pass_rate_after, train_seconds, failed_runs, created_date",
        "report_adapter_versions ORDER BY version_number",
    )
    first = ("support-bot v1", 0, 1, "accepted", 1, 4, 0.4333, 0.4333, 0, 1, 1, 0.3333, 0.3333)
    second = ("support-bot v2", 1, 0, "rejected", 2, 4, 1, 1, 0, 0, 0, 0.5, 1)
    assert rows == [(*first, 60, 0, "2026-11-23"), (*second, 60, 1, "2026-11-23")]


def test_an_evaluation_is_compared_with_the_one_before_where_both_are_alike(
    reported: Database,
) -> None:
    rows = select(
        reported,
        "evaluation_number, version_number, is_live, compared_version, clean_score,"
        " previous_version, is_comparable, not_comparable_reason, score_change, evaluated_date",
        "report_evaluations ORDER BY evaluation_number",
    )
    day = "2026-11-23"
    assert rows == [
        (1, 1, 1, None, 0.5, None, 0, "first_evaluation", None, day),
        (2, 2, 0, 1, 0.75, 1, 1, None, 0.25, day),
        (3, 2, 0, 1, 0.75, 2, 0, "other_prompts_or_scorers", None, day),
        (4, 2, 0, 1, 0.75, 2, 0, "other_decoding_settings", None, day),
        (5, 2, 0, 1, 0.75, 2, 0, "other_clean_prompts", None, day),
        (6, 2, 0, 1, None, 2, 0, "no_score", None, day),
    ]


def test_every_step_is_a_row_under_its_label(reported: Database) -> None:
    rows = select(
        reported, "run_id, adapter_label, step, train_loss", "report_training_steps ORDER BY 1, 3"
    )
    assert rows == [
        (1, "support-bot v1", 1, 2),
        (1, "support-bot v1", 2, 1),
        (2, "support-bot v2", 1, 2),
        (2, "support-bot v2", 2, 1),
        (3, "support-bot", 1, 2),
        (3, "support-bot", 2, 1),
    ]


def test_a_run_shows_whether_it_failed_and_whether_it_was_played_back(reported: Database) -> None:
    rows = select(
        reported,
        "run_id, state, version_number, is_simulated, is_failed, run_seconds, cost_usd",
        "report_runs ORDER BY run_id",
    )
    assert rows == [
        (1, "succeeded", 1, 1, 0, 90, 0.25),
        (2, "rejected", 2, 1, 0, 90, 0.25),
        (3, "failed", None, 1, 1, 90, 0.25),
    ]


def test_only_manifests_that_are_complete_are_shown(reported: Database) -> None:
    assert select(
        reported, "manifest_id, dataset_number, sample_count", "report_datasets ORDER BY 1"
    ) == [(1, 1, 2), (2, 2, 3)]
    assert select(
        reported, "manifest_id, sample_key, prompt_preview", "report_samples ORDER BY 1"
    ) == [(1, "s", "prompt k1"), (2, "s", "prompt k2")]


def test_a_question_is_shown_with_the_version_that_answered_it(reported: Database) -> None:
    rows = select(
        reported,
        "question_id, adapter_label, version_number, base_model, alias, asked_version, state,"
        " prompt, answer, asked_date, error_code",
        "report_questions ORDER BY question_id",
    )
    day = "2026-11-23"
    assert rows == [
        (1, "support-bot v1", 1, "toy", "live", None, "answered", "q1", "a1", day, None),
        (2, "support-bot", None, None, "live", 9, "failed", "q2", None, day, "unknown_version"),
        (3, "support-bot", None, None, "live", None, "waiting", "q3", None, day, None),
    ]


def test_feedback_is_shown_with_the_answer_that_it_is_about(reported: Database) -> None:
    rows = select(
        reported,
        "feedback_id, adapter_label, version_number, question_id, run_id, prompt_key, prompt,"
        " answer, rating, correction, given_date",
        "report_feedback ORDER BY feedback_id",
    )
    day = "2026-11-23"
    assert rows == [
        (1, "support-bot v1", 1, 1, None, None, "q1", "a1", 0, "better", day),
        (2, "support-bot v2", 2, None, 2, "k1", "prompt k1", "after k1", 1, None, day),
        (3, None, None, 99, None, None, None, None, 1, None, day),
    ]


def test_use_is_summed_over_processes_with_percentiles_rounded_up(reported: Database) -> None:
    counts = "request_count, answered_count, error_count, cancelled_count, prompt_tokens"
    times = "latency_ms_mean, latency_ms_p50, latency_ms_p95, latency_ms_p99, latency_ms_max"
    shown = f"adapter_label, version_number, {counts}, output_tokens, {times}"
    mean = (99 * 40 + 90 + 95 * 200 + 5 * 700_000) / 200
    assert select(reported, shown, "report_use ORDER BY model_name") == [
        ("support-bot v1", 1, 208, 200, 6, 2, 2000, 400, mean, 100, 250, 700_000, 700_000),
        ("toy", None, 1, 0, 1, 0, 0, 0, None, None, None, None, None),
    ]


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
