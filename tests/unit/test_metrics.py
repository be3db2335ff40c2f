"""What a worker tells probes of its health, by a clock of the test's."""

from __future__ import annotations

from sqltune.syncing.metrics import WorkerMetrics

LONG = 100.0


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def make_metrics() -> tuple[WorkerMetrics, Clock]:
    clock = Clock()
    return WorkerMetrics(poll_seconds=1, monotonic=clock), clock


def test_a_worker_that_looks_and_comes_round_is_well() -> None:
    metrics, clock = make_metrics()
    for _look in range(3):
        clock.now += LONG
        metrics.scanned([])
        metrics.round_ended()
    is_well, told = metrics.health()
    assert (is_well, told["status"], told["works_on"]) == (True, "ok", None)


def test_a_worker_that_does_not_see_the_database_is_not_well() -> None:
    metrics, clock = make_metrics()
    clock.now += LONG
    metrics.round_ended()
    assert metrics.health()[0] is False
    assert "database was not seen" in metrics.health()[1]["status"]


def test_a_worker_that_looks_and_comes_to_no_adapter_is_not_well() -> None:
    metrics, clock = make_metrics()
    clock.now += LONG
    metrics.scanned([])
    is_well, told = metrics.health()
    assert (is_well, told["status"]) == (False, "no adapter was come to lately: the log says why")
    metrics.round_ended()
    assert metrics.health()[0] is True


def test_a_worker_with_an_adapter_in_its_hands_for_hours_is_well() -> None:
    metrics, clock = make_metrics()
    metrics.turn_began("office")
    clock.now += LONG
    metrics.scanned([])
    is_well, told = metrics.health()
    assert (is_well, told["works_on"], told["since_seconds"]) == (True, "office", LONG)
