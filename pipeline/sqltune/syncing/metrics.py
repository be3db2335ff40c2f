"""A worker's metrics for Prometheus and its health for probes; `metrics_port` serves both."""

from __future__ import annotations

import logging
import threading
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily

from sqltune.database.tables.reports import AdapterHealth
from sqltune.errors import PipelineError
from sqltune.records import OpenRun, RunState
from sqltune.syncing.outcomes import Outcome

logger = logging.getLogger(__name__)

#: A worker that failed to read the database for this many polls is unhealthy.
_MISSED_POLLS = 10
#: Longer than a worker ever pauses between two scans.
_MIN_PATIENCE_SECONDS = 60.0
_BUCKETS_SECONDS = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14400)


@dataclass(frozen=True, slots=True)
class _Health:
    """The worker's last signs of life, by the monotonic clock."""

    scanned_at: float
    round_ended_at: float  #: when it last finished a round over every adapter that was due
    adapter_name: str | None = None  #: None: it is idle
    since: float = 0.0  #: when the adapter's turn began, or the last turn ended


class WorkerMetrics:
    """A `watcher.Watcher` that keeps figures."""

    def __init__(
        self,
        *,
        poll_seconds: float,
        monotonic: Callable[[], float],
        read_adapters: Callable[[], Sequence[AdapterHealth]],
    ) -> None:
        """Start with every figure at zero.

        Args:
            poll_seconds: the worker's pause between two scans.
            monotonic: a clock in seconds.
            read_adapters: reads the adapters' figures; called when metrics are scraped.
        """
        self._patience_seconds = max(_MIN_PATIENCE_SECONDS, _MISSED_POLLS * poll_seconds)
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._health = _Health(monotonic(), monotonic(), None, monotonic())
        self.registry = registry = CollectorRegistry()
        self._scans = Counter(
            "sqltune_worker_scans",
            "Scans of the database's open runs that this worker completed.",
            registry=registry,
        )
        self._failures = Counter(
            "sqltune_worker_failures",
            "Scans and adapters' turns of this worker that failed unexpectedly; see its log.",
            registry=registry,
        )
        self._runs = Counter(
            "sqltune_worker_runs",
            "Runs that this worker ended, by adapter and final state.",
            ["adapter", "state"],
            registry=registry,
        )
        self._questions = Counter(
            "sqltune_worker_questions",
            "Questions that this worker settled, by final state.",
            ["state"],
            registry=registry,
        )
        self._seconds = Histogram(
            "sqltune_worker_turn_seconds",
            "Duration of an adapter's turn: planning, training and evaluation.",
            buckets=_BUCKETS_SECONDS,
            registry=registry,
        )
        self._busy = Gauge(
            "sqltune_worker_busy", "1 while this worker has an adapter, else 0.", registry=registry
        )
        self._open = Gauge(
            "sqltune_open_runs",
            "Runs in the database that have not ended, by state.",
            ["state"],
            registry=registry,
        )
        self._stuck = Gauge(
            "sqltune_stuck_runs",
            "Open runs that are stuck; report_runs.stuck_reason says why.",
            registry=registry,
        )
        registry.register(_AdapterCollector(read_adapters))

    def scanned(self, open_runs: Sequence[OpenRun]) -> None:
        """Count the open runs."""
        self._scans.inc()
        self._update(scanned_at=self._monotonic())
        tally: Tally[str] = Tally()
        for run in open_runs:
            tally[run.state] += run.count
        for state in RunState:
            if not state.is_ended:
                self._open.labels(state.value).set(tally[state.value])
        self._stuck.set(sum(run.count for run in open_runs if run.is_stuck))

    def round_ended(self) -> None:
        """Record that the worker finished a round."""
        self._update(round_ended_at=self._monotonic())

    def turn_began(self, adapter_name: str) -> None:
        """Record the adapter."""
        self._busy.set(1)
        self._update(adapter_name=adapter_name, since=self._monotonic())

    def turn_ended(self, outcomes: Sequence[Outcome], seconds: float) -> None:
        """Count the runs that ended."""
        self._busy.set(0)
        self._seconds.observe(seconds)
        self._update(adapter_name=None, since=self._monotonic())
        for outcome in outcomes:
            if outcome.is_new and outcome.state is not None:
                self._runs.labels(outcome.adapter_name, outcome.state.value).inc()

    def answered(self, answered: int, failed: int) -> None:
        """Count the questions."""
        self._questions.labels("answered").inc(answered)
        self._questions.labels("failed").inc(failed)

    def failed(self, error: BaseException) -> None:
        """Count the failure; the log has the error."""
        self._failures.inc()

    def health(self) -> tuple[bool, dict[str, Any]]:
        """Return whether the worker is healthy, and what `/healthz` replies."""
        health, now = self._health, self._monotonic()
        unread = now - health.scanned_at
        idle = now - max(health.round_ended_at, health.since) if health.adapter_name is None else 0
        status = "ok"
        if idle >= self._patience_seconds:
            status = "no round over the adapters has ended lately; see the log"
        if unread >= self._patience_seconds:
            status = "the database could not be read lately; see the log"
        return status == "ok", {
            "status": status,
            "last_scan_seconds_ago": round(unread, 3),
            "adapter": health.adapter_name,
            "since_seconds": round(now - health.since, 3),
        }

    def render(self) -> bytes:
        """Return all figures in Prometheus' text format."""
        return generate_latest(self.registry)

    def _update(self, **changes: Any) -> None:
        # Two threads change different fields; neither may undo the other's change.
        with self._lock:
            self._health = replace(self._health, **changes)


class _AdapterCollector:
    """Reads each adapter's figures when they are scraped, not at every scan of the worker."""

    def __init__(self, read_adapters: Callable[[], Sequence[AdapterHealth]]) -> None:
        self._read_adapters = read_adapters

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Return the families without any adapter, so that registering reads nothing."""
        return self._families([])

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Return the figures; none while the database is unavailable."""
        try:
            return self._families(self._read_adapters())
        except PipelineError as error:
            logger.warning(
                "adapters' figures could not be read: %s", error, extra={"event": "worker_failed"}
            )
            return self._families([])

    def _families(self, adapters: Sequence[AdapterHealth]) -> list[GaugeMetricFamily]:
        scores = GaugeMetricFamily(
            "sqltune_adapter_score",
            "Mean primary score of the adapter's live version in its last evaluation, 0 to 1.",
            labels=["adapter"],
        )
        ages = GaugeMetricFamily(
            "sqltune_adapter_last_success_age_seconds",
            "Seconds since the adapter's last successful run ended.",
            labels=["adapter"],
        )
        for adapter in adapters:
            if adapter.live_score is not None:
                scores.add_metric([adapter.adapter_name], adapter.live_score)
            if adapter.success_age_seconds is not None:
                ages.add_metric([adapter.adapter_name], adapter.success_age_seconds)
        return [scores, ages]
