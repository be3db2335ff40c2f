"""What a worker reports to probes and to Prometheus."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import pytest

from sqltune.database.tables.reports import AdapterHealth
from sqltune.errors import DatabaseUnavailable
from sqltune.records import RunState, SyncDecision
from sqltune.syncing.metrics import WorkerMetrics
from sqltune.syncing.outcomes import Outcome

LONG = 100.0


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def make_metrics(
    read_adapters: Callable[[], Sequence[AdapterHealth]] = list,
) -> tuple[WorkerMetrics, Clock]:
    clock = Clock()
    metrics = WorkerMetrics(poll_seconds=1, monotonic=clock, read_adapters=read_adapters)
    return metrics, clock


def scrape(metrics: WorkerMetrics) -> str:
    return metrics.render().decode()


def test_a_worker_that_scans_and_ends_its_rounds_is_healthy() -> None:
    metrics, clock = make_metrics()
    for _ in range(3):
        clock.now += LONG
        metrics.scanned([])
        metrics.round_ended()
    is_healthy, reply = metrics.health()
    assert (is_healthy, reply["status"], reply["adapter"]) == (True, "ok", None)


def test_questions_are_counted_by_what_became_of_them() -> None:
    metrics, _ = make_metrics()
    metrics.answered(3, 1)
    metrics.answered(2, 0)
    text = scrape(metrics)
    assert 'sqltune_worker_questions_total{state="answered"} 5.0' in text
    assert 'sqltune_worker_questions_total{state="failed"} 1.0' in text


def test_a_worker_that_cannot_read_the_database_is_unhealthy() -> None:
    metrics, clock = make_metrics()
    clock.now += LONG
    metrics.round_ended()
    is_healthy, reply = metrics.health()
    assert (is_healthy, reply["status"]) == (
        False, "the database could not be read lately; see the log",
    )  # fmt: skip


def test_a_worker_that_scans_and_ends_no_round_is_unhealthy() -> None:
    metrics, clock = make_metrics()
    clock.now += LONG
    metrics.scanned([])
    is_healthy, reply = metrics.health()
    assert (is_healthy, reply["status"]) == (
        False, "no round over the adapters has ended lately; see the log",
    )  # fmt: skip
    metrics.round_ended()
    assert metrics.health()[0] is True


def test_a_worker_that_has_had_one_adapter_for_hours_is_healthy() -> None:
    metrics, clock = make_metrics()
    metrics.turn_began("office")
    clock.now += LONG
    metrics.scanned([])
    is_healthy, reply = metrics.health()
    assert (is_healthy, reply["adapter"], reply["since_seconds"]) == (True, "office", LONG)


def test_runs_are_counted_by_adapter_and_state() -> None:
    metrics, _ = make_metrics()
    done = Outcome("office", SyncDecision.TRAIN, "why", 1, RunState.SUCCEEDED, is_new=True)
    old = Outcome("office", SyncDecision.UP_TO_DATE, "why", 1, RunState.SUCCEEDED)
    metrics.turn_ended([done, old], 1.5)
    text = scrape(metrics)
    assert 'sqltune_worker_runs_total{adapter="office",state="succeeded"} 1.0' in text
    assert "sqltune_worker_turn_seconds_sum 1.5" in text


def test_an_adapters_score_and_last_success_are_read_when_they_are_scraped() -> None:
    health = [AdapterHealth("office", 0.75, 90.0), AdapterHealth("attic", None, None)]
    text = scrape(make_metrics(lambda: health)[0])
    assert 'sqltune_adapter_score{adapter="office"} 0.75' in text
    assert 'sqltune_adapter_last_success_age_seconds{adapter="office"} 90.0' in text
    assert "attic" not in text


def test_an_unavailable_database_leaves_the_workers_own_figures() -> None:
    def refuse() -> list[AdapterHealth]:
        raise DatabaseUnavailable("connection refused")

    text = scrape(make_metrics(refuse)[0])
    assert "sqltune_worker_busy 0.0" in text
    assert "sqltune_adapter_score{" not in text


@pytest.mark.parametrize("line", [
    line for line in scrape(make_metrics()[0]).splitlines() if line.startswith("# HELP")
])  # fmt: skip
def test_every_help_text_stands_alone(line: str) -> None:
    words = line.split()[3:]
    assert len(words) >= 5, line
    assert re.match("[A-Z0-9]", words[0]), line
    assert not {"it", "them", "those", "one."} & set(words), line
