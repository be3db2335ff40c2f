"""What a report reads of use, questions, predictions and runs, on every engine."""

from __future__ import annotations

from datetime import datetime

from sqltune.database.connection import Database
from sqltune.database.tables.reported_rows import PredictionCount, QuestionCount, RunTotals
from sqltune.operations.reporting.contents import read_report
from tests.database.report_rows import ADAPTER


def test_a_report_counts_use_questions_predictions_and_what_runs_took(reported: Database) -> None:
    with reported.read() as session:
        report = read_report(session, {"adapter_name": ADAPTER})
    (use,) = report.uses
    assert (use.version_number, use.request_count, use.error_count) == (1, 208, 6)
    assert (use.answered_count, use.prompt_tokens, use.output_tokens) == (200, 2_000, 400)
    assert use.last_hour_at == datetime(2026, 11, 23, 10)
    assert report.questions == [
        QuestionCount("answered", 1),
        QuestionCount("failed", 1),
        QuestionCount("waiting", 1),
    ]
    answered_at = report.predictions.answered_at
    assert report.predictions == PredictionCount(1, 1, answered_at)
    assert isinstance(answered_at, datetime)
    assert report.totals == RunTotals(3, 1, 300, 270.0, 0.75)
    assert [(move.version_number, move.ended_at is None) for move in report.moves] == [
        (1, True),
        (2, False),
    ]
    assert report.subject is not None
    assert (report.subject.version_number, report.subject.is_live) == (2, 0)
