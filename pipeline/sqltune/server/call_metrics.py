"""What Prometheus may read: calls, times, tokens, and how many wait."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

#: A training call takes minutes, a listing a millisecond.
_BUCKETS = (0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300, 1800)


class Metrics:
    """The figures of one server, in a registry of their own."""

    def __init__(self) -> None:
        """Begin at zero."""
        self.registry = CollectorRegistry()
        self._calls = Counter(
            "sqltune_serve_calls",
            "Calls answered",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "sqltune_serve_call_seconds",
            "From the first byte to the reply",
            ("route",),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._answered = Counter(
            "sqltune_serve_answer_tokens", "Tokens generated", registry=self.registry
        )
        self._trained = Counter(
            "sqltune_serve_trained_tokens", "Trainable tokens trained", registry=self.registry
        )

    def count_call(self, method: str, route: str, status: int, seconds: float) -> None:
        """Note a call that was answered."""
        # Methods are what clients write; only those that the API has get a line of their own.
        method = method if method in {"GET", "POST", "DELETE"} else "other"
        self._calls.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def count_answer(self, tokens: int) -> None:
        """Note an answer."""
        self._answered.inc(tokens)

    def count_training(self, tokens: int) -> None:
        """Note a fine-tune call that is done."""
        self._trained.inc(tokens)

    def watch_waiting(self, count: Callable[[], int]) -> None:
        """Show how many calls wait or are worked on."""
        gauge = Gauge(
            "sqltune_serve_waiting_calls",
            "Calls that wait or are worked on",
            registry=self.registry,
        )
        gauge.set_function(count)

    def render(self) -> bytes:
        """All figures in Prometheus' text form."""
        return generate_latest(self.registry)
