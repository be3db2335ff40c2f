"""The report views: their figures are right."""

from __future__ import annotations

from sqltune.database.connection import Database
from tests.database.report_rows import select


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
