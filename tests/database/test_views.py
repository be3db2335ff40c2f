"""The report views: their columns are a contract, and their figures are right."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
from sqlalchemy import inspect

from sqltune.database.connection import Database, EngineKind
from sqltune.database.scripts import read_views
from tests.database.report_rows import insert_history

_ADAPTER = "adapter_name adapter_version adapter_label is_latest"
#: A column that is missing, new or moved here breaks somebody's dashboard.
CONTRACT = {
    "report_before_after": f"{_ADAPTER} base_model prompt_key dataset category prompt expected "
    "response_base response_before response_after before_is_base scorer score_base score_before "
    "score_after score_change outcome is_improved is_regressed passed_before passed_after "
    "latency_ms_before latency_ms_after run_id evaluated_at evaluated_date",
    "report_scores": f"run_id prompt_key scorer is_primary_scorer {_ADAPTER} base_model dataset "
    "category prompt phase phase_order score pass_threshold passed error_message output_tokens "
    "latency_ms scored_at scored_date",
    "report_adapter_versions": f"{_ADAPTER} is_live state backend base_model method lora_rank "
    "epochs rehearsal dataset_name version_number sample_count prompts_evaluated score_before "
    "score_after score_change prompts_improved prompts_regressed pass_rate_before pass_rate_after "
    "final_train_loss steps train_minutes cost_usd tokens_processed failed_runs created_at "
    "created_date",
    "report_training_steps": f"run_id {_ADAPTER} step epoch train_loss eval_loss learning_rate "
    "tokens tokens_seen logged_at",
    "report_runs": f"run_id run_kind state {_ADAPTER} trigger_reason backend is_simulated "
    "base_model samples_used samples_skipped prompts_selected steps_done steps_total queued_at "
    "queued_date started_at finished_at wait_seconds run_seconds run_minutes is_failed error_code "
    "error_message tokens_processed cost_usd desired_state is_forced is_trial state_changed_at "
    "last_alive_at lease_expires_at is_stuck stuck_reason next_step",
    "report_datasets": "manifest_id dataset_name version_number fingerprint sample_count "
    "samples_added samples_removed token_count created_at created_date",
    "report_samples": "dataset_name version_number manifest_id position sample_key content_hash "
    "split group_key weight prompt_preview response_preview created_at",
    "report_orphans": "orphan_key orphan_kind state backend adapter_name adapter_version "
    "adapter_label run_id is_unknown_run place external_id address size_bytes reason found_at "
    "found_date last_seen_at removed_at error_message",
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


def test_the_views_are_those_of_the_contract(database: Database) -> None:
    assert [view.name for view in read_views()] == list(CONTRACT)
    with database.engine.connect() as connection:
        assert set(inspect(connection).get_view_names()) == set(CONTRACT)


@pytest.mark.parametrize("view", CONTRACT)
def test_every_view_has_the_columns_of_the_contract(database: Database, view: str) -> None:
    with database.read() as session:
        result = session.connection.exec_driver_sql(f"SELECT * FROM {view}")
        assert list(result.keys()) == CONTRACT[view].split()


def test_each_engine_gives_types_that_bi_tools_read_well(reported: Database) -> None:
    if reported.kind is EngineKind.SQLITE:
        # Its views have no declared types; what counts is the type of each value.
        rows = select(
            reported,
            "typeof(score_change), typeof(is_improved), typeof(evaluated_date)",
            "report_before_after WHERE score_change IS NOT NULL",
        )
        assert set(rows) == {("real", "integer", "text")}
        return
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
    assert {kind for name, kind in types.items() if name.endswith("_at")} == {"datetime(6)"}
    assert {kind for name, kind in types.items() if name.endswith("_date")} == {"date"}
    scores = {kind.partition("(")[0] for name, kind in types.items() if name.startswith("score_")}
    assert scores == {"double"}


def test_without_a_live_version_the_base_answers_stand_for_before(reported: Database) -> None:
    rows = select(
        reported,
        "prompt_key, response_base, response_before, response_after, before_is_base, score_before,"
        " score_after, score_change, outcome, is_improved, is_regressed, passed_after",
        "report_before_after WHERE adapter_version = 1 ORDER BY prompt_key",
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
        "report_scores WHERE adapter_version = 1 AND prompt_key = 'k1'"
        " ORDER BY phase_order, scorer",
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
    assert {row[0] for row in select(reported, "adapter_version", "report_before_after")} == {2}
    assert {row[0] for row in select(reported, "adapter_version", "report_scores")} == {2}


def test_a_version_is_summed_up_in_one_row(reported: Database) -> None:
    rows = select(
        reported,
        "adapter_label, is_latest, is_live, state, version_number, prompts_evaluated, score_before,"
        " score_after, score_change, prompts_improved, prompts_regressed, pass_rate_before,"
        " pass_rate_after, train_minutes, failed_runs, created_date",
        "report_adapter_versions ORDER BY adapter_version",
    )
    first = ("support-bot v1", 0, 1, "accepted", 1, 4, 0.4333, 0.4333, 0, 1, 1, 0.3333, 0.3333)
    second = ("support-bot v2", 1, 0, "rejected", 2, 4, 1, 1, 0, 0, 0, 0.5, 1)
    assert rows == [(*first, 1, 0, "2026-11-23"), (*second, 1, 1, "2026-11-23")]


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
        "run_id, state, adapter_version, is_simulated, is_failed, run_minutes, cost_usd",
        "report_runs ORDER BY run_id",
    )
    assert rows == [
        (1, "succeeded", 1, 1, 0, 1.5, 0.25),
        (2, "rejected", 2, 1, 0, 1.5, 0.25),
        (3, "failed", None, 1, 1, 1.5, 0.25),
    ]


def test_only_manifests_that_are_complete_are_shown(reported: Database) -> None:
    assert select(
        reported, "manifest_id, version_number, sample_count", "report_datasets ORDER BY 1"
    ) == [(1, 1, 2), (2, 2, 3)]
    assert select(
        reported, "manifest_id, sample_key, prompt_preview", "report_samples ORDER BY 1"
    ) == [(1, "s", "prompt k1"), (2, "s", "prompt k1")]
