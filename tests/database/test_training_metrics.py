"""The steps of a training as rows, also of one that was resumed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest

from sqltune.backends.base import StepMetrics
from sqltune.database.connection import Database
from sqltune.run.journal import RunJournal
from sqltune.run.step_rows import store_steps
from sqltune.runtime import SilentReporter
from tests.database.report_rows import insert
from tests.database.selecting import open_desk

NOW = datetime(2026, 11, 23, 6, 0)
#: Every fourth step is rehearsal alone, and so is the first.
STEPS = [
    StepMetrics(
        step=number,
        epoch=number / 40,
        train_loss=3.0 / number,
        learning_rate=1e-4 / 3,
        gradient_norm=None,
        tokens=100 + number,
        trained_tokens=number,
        sample_loss=None if number % 4 == 1 else 3.0 + math.sin(number) / 7,
    )
    for number in range(1, 61)
]


@pytest.fixture
def running(database: Database) -> Database:
    """A database with one run that trains."""
    insert(database, "runs", [{"run_id": 1, "adapter_name": "office", "state": "training"}])
    return database


def record(database: Database, steps: Sequence[StepMetrics]) -> None:
    with database.transaction() as session:
        store_steps(session, 1, steps, now=NOW)


def rows(database: Database) -> list[tuple[Any, ...]]:
    with database.read() as session:
        found = session.connection.exec_driver_sql(
            "SELECT step, epoch, train_loss, sample_loss, smoothed_loss, tokens_seen"
            " FROM report_training_steps ORDER BY step"
        )
        return [tuple(row) for row in found]


def test_a_resumed_training_continues_the_smoothed_loss_exactly(running: Database) -> None:
    record(running, STEPS)
    whole = rows(running)
    assert len(whole) == 60
    record(running, STEPS[:1])
    for first, end in ((1, 20), (20, 21), (21, 45), (30, 47), (44, 60)):
        record(running, STEPS[first:end])
        assert rows(running) == whole[:end]


def test_a_chart_has_a_smoothed_loss_at_every_step_from_the_first_with_samples_on(
    running: Database,
) -> None:
    record(running, STEPS)
    smoothed = [row[4] for row in rows(running)]
    assert smoothed[0] is None
    assert None not in smoothed[1:]
    assert [row[3] for row in rows(running)] == [step.sample_loss for step in STEPS]


def test_the_run_shows_the_last_step_and_the_tokens_so_far(running: Database) -> None:
    record(running, STEPS)
    record(running, STEPS[9:10])
    with running.read() as session:
        found = session.connection.exec_driver_sql("SELECT steps_done, tokens_processed FROM runs")
        assert tuple(found.one()) == (10, sum(100 + number for number in range(1, 11)))
    assert [row[0] for row in rows(running)] == list(range(1, 11))


class ProgressReporter(SilentReporter):
    """Remembers what is shown of activities."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, int, int | None]] = []
        self.details: list[str] = []

    def progress(self, activity: str, done: int, total: int | None, detail: str = "") -> None:
        self.shown.append((activity, done, total))
        self.details.append(detail)


def test_a_training_that_continues_or_stops_early_is_shown_with_the_steps_that_it_has(
    running: Database,
) -> None:
    reporter = ProgressReporter()
    journal = RunJournal(open_desk(running).scope(), reporter)
    journal.plan(60)
    journal.record(STEPS[:40])
    journal.plan(60)
    journal.plan(30)
    assert [done for _, done, _ in reporter.shown] == [0, 40, 40, 30]


def test_progress_shows_the_loss_of_the_last_samples_also_at_steps_of_rehearsal_alone(
    running: Database,
) -> None:
    reporter = ProgressReporter()
    journal = RunJournal(open_desk(running).scope(), reporter)
    for step in STEPS[:5]:
        journal.record([step])
    losses = [STEPS[0].train_loss, *(step.sample_loss for step in STEPS[1:4]), STEPS[3].sample_loss]
    assert reporter.details == [f"loss {loss:.3f}" for loss in losses]
