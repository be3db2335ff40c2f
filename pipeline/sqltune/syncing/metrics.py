"""What a worker tells operations over HTTP: `/metrics` for Prometheus, `/healthz` for probes."""

from __future__ import annotations

import json
import threading
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, make_wsgi_app

from sqltune.errors import ConfigError
from sqltune.records import OpenRun, RunState
from sqltune.syncing.outcomes import Outcome

#: A worker that has not seen the database for so many looks is not healthy.
_LOOKS_MISSED = 10
#: Longer than a worker ever waits between two looks.
_LEAST_SECONDS = 60.0
_SECONDS = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14400)


@dataclass(frozen=True, slots=True)
class _Sight:
    """How the worker fared last, by the monotonic clock."""

    looked_at: float
    rounded_at: float  #: when it last came to every adapter that was due
    adapter_name: str | None = None  #: None: it has nothing to do
    since: float = 0.0  #: when it took the adapter, or let the last one go


class WorkerMetrics:
    """Fulfils `worker.Watcher`, and is an application that any WSGI server can serve."""

    def __init__(self, *, poll_seconds: float, monotonic: Callable[[], float]) -> None:
        self._patience_seconds = max(_LEAST_SECONDS, _LOOKS_MISSED * poll_seconds)
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._sight = _Sight(monotonic(), monotonic(), None, monotonic())
        registry = CollectorRegistry()
        self._metrics = make_wsgi_app(registry)
        self._looks = Counter(
            "sqltune_worker_looks", "Times that the worker saw the database.", registry=registry
        )
        self._failures = Counter(
            "sqltune_worker_failures", "Times that it could not.", registry=registry
        )
        self._runs = Counter(
            "sqltune_worker_runs", "Runs that it ended.", ["state"], registry=registry
        )
        self._seconds = Histogram(
            "sqltune_worker_adapter_seconds",
            "How long it had an adapter in its hands.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._busy = Gauge("sqltune_worker_busy", "1 while it has one.", registry=registry)
        self._open = Gauge(
            "sqltune_open_runs",
            "Runs in the database that are not ended.",
            ["state"],
            registry=registry,
        )
        self._stuck = Gauge(
            "sqltune_stuck_runs", "Those of them that do not go on.", registry=registry
        )

    def scanned(self, open_runs: Sequence[OpenRun]) -> None:
        """Count what is there."""
        self._looks.inc()
        self._see(looked_at=self._monotonic())
        tally = Tally(run.state for run in open_runs)
        for state in RunState:
            if not state.is_ended:
                self._open.labels(state.value).set(tally[state.value])
        self._stuck.set(sum(run.is_stuck for run in open_runs))

    def round_ended(self) -> None:
        """Note that the worker gets round."""
        self._see(rounded_at=self._monotonic())

    def turn_began(self, adapter_name: str) -> None:
        """Note the adapter."""
        self._busy.set(1)
        self._see(adapter_name=adapter_name, since=self._monotonic())

    def turn_ended(self, outcomes: Sequence[Outcome], seconds: float) -> None:
        """Count the runs that ended."""
        self._busy.set(0)
        self._seconds.observe(seconds)
        self._see(adapter_name=None, since=self._monotonic())
        for outcome in outcomes:
            if outcome.is_new and outcome.state is not None:
                self._runs.labels(outcome.state.value).inc()

    def failed(self, error: Exception) -> None:
        """Count it; the log says what it was."""
        self._failures.inc()

    def health(self) -> tuple[bool, dict[str, Any]]:
        """Whether the worker saw the database and came round lately, and what it does."""
        sight, now = self._sight, self._monotonic()
        silent = now - sight.looked_at
        idle = now - max(sight.rounded_at, sight.since) if sight.adapter_name is None else 0.0
        status = "ok"
        if idle >= self._patience_seconds:
            status = "no adapter was come to lately: the log says why"
        if silent >= self._patience_seconds:
            status = "the database was not seen lately"
        return status == "ok", {
            "status": status,
            "seen_seconds_ago": round(silent, 3),
            "works_on": sight.adapter_name,
            "since_seconds": round(now - sight.since, 3),
        }

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer `/metrics` and `/healthz`; nothing else is here."""
        path = environ.get("PATH_INFO")
        if path == "/metrics":
            told: Iterable[bytes] = self._metrics(environ, start_response)
            return told
        if path != "/healthz":
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"/metrics and /healthz are here\n"]
        is_well, state = self.health()
        status = "200 OK" if is_well else "503 Service Unavailable"
        start_response(status, [("Content-Type", "application/json")])
        return [json.dumps(state).encode() + b"\n"]

    def _see(self, **changes: Any) -> None:
        # Two threads tell of different things: neither may undo what the other one said.
        with self._lock:
            self._sight = replace(self._sight, **changes)


class _Server(ThreadingMixIn, WSGIServer):
    """One thread a request: a slow reader does not keep a probe waiting."""

    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: probes come every few seconds."""


@contextmanager
def served(metrics: WorkerMetrics, host: str, port: int) -> Iterator[str]:
    """Serve them while the block runs; gives the address.

    Raises:
        ConfigError: the address cannot be had.
    """
    try:
        server = make_server(host, port, metrics, server_class=_Server, handler_class=_Quiet)
    except OSError as error:
        raise ConfigError(
            f"the worker cannot listen on {host}:{port}: {error}; set SQLTUNE_WORKER_PORT"
        ) from error
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    try:
        yield f"http://{host}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
