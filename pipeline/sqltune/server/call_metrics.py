"""What Prometheus can read of the server: calls, times, tokens, and how many calls wait."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from sqltune.database.tables.served_use import LATENCY_BOUNDS_MS
from sqltune.server.use_recording import EndedRequest, RequestOutcome

#: A training call takes minutes, a listing a millisecond.
_BUCKETS = (0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300, 1800)


class CallMetrics:
    """The figures of one server, in a registry of its own."""

    def __init__(self) -> None:
        """Begin at zero."""
        self.registry = CollectorRegistry()
        self._calls = Counter(
            "sqltune_serve_calls",
            "HTTP calls that the server has answered, by method, route and status.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "sqltune_serve_call_seconds",
            "Seconds from the first byte of an HTTP call to the end of its reply, by route.",
            ("route",),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._answered = Counter(
            "sqltune_serve_answer_tokens",
            "Tokens that the server has generated in answers to complete calls.",
            registry=self.registry,
        )
        self._asked = Counter(
            "sqltune_serve_requests",
            "Requests for a model by OpenAI's API and rows of complete(), by model and outcome.",
            ("model", "outcome"),
            registry=self.registry,
        )
        self._tokens = Counter(
            "sqltune_serve_tokens",
            "Tokens of such requests that were answered: of prompts, of answers.",
            ("model", "kind"),
            registry=self.registry,
        )
        self._latency = Histogram(
            "sqltune_serve_answer_seconds",
            "Seconds until such a request was answered, by model.",
            ("model",),
            buckets=[bound / 1000 for bound in LATENCY_BOUNDS_MS],
            registry=self.registry,
        )
        self._trained = Counter(
            "sqltune_serve_trained_tokens",
            "Trainable tokens of the samples in finished fine-tune calls.",
            registry=self.registry,
        )

    def count_call(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a call that was answered."""
        # Clients choose the method; only those that the API has get a series of their own.
        method = method if method in {"GET", "POST", "DELETE"} else "other"
        self._calls.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def count_answer(self, tokens: int) -> None:
        """Count the tokens of an answer."""
        self._answered.inc(tokens)

    def count_request(self, request: EndedRequest) -> None:
        """Count a request for a model."""
        self._asked.labels(request.label, request.outcome.value).inc()
        if request.outcome is RequestOutcome.ANSWERED:
            self._tokens.labels(request.label, "prompt").inc(request.prompt_tokens)
            self._tokens.labels(request.label, "answer").inc(request.output_tokens)
            self._latency.labels(request.label).observe(request.seconds)

    def count_training(self, tokens: int) -> None:
        """Count the tokens of a fine-tune call that is done."""
        self._trained.inc(tokens)

    def watch_waiting(self, count: Callable[[], int]) -> None:
        """Show how many calls wait or are being served."""
        gauge = Gauge(
            "sqltune_serve_waiting_calls",
            "Complete, fine-tune and delete calls that wait for a base model or are being served.",
            registry=self.registry,
        )
        gauge.set_function(count)

    def render(self) -> bytes:
        """Return all figures in Prometheus' text format."""
        return generate_latest(self.registry)
