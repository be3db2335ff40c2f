"""What the local server was asked by OpenAI's API and `complete()`, by the hour: `served_use`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqltune.database.connection import Session
from sqltune.database.times import format_time

#: Upper bounds of the latencies that are counted; each has a column of its own.
LATENCY_BOUNDS_MS = (50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 300000)


@dataclass(frozen=True, slots=True)
class UseKey:
    """What is counted apart."""

    model_name: str
    version_number: int  #: 0: the base model itself
    hour_at: datetime  #: UTC


@dataclass(slots=True)
class UseCounts:
    """What one process has counted of a model in an hour; a request is counted once."""

    request_count: int = 0
    error_count: int = 0
    cancelled_count: int = 0
    prompt_tokens: int = 0
    output_tokens: int = 0
    latency_ms_sum: float = 0.0
    latency_ms_max: float = 0.0
    #: For each bound, how many answers took no longer.
    within: list[int] = field(default_factory=lambda: [0] * len(LATENCY_BOUNDS_MS))

    def add_answer(self, latency_ms: float, prompt_tokens: int, output_tokens: int) -> None:
        """Count what a request that was answered took."""
        self.prompt_tokens += prompt_tokens
        self.output_tokens += output_tokens
        self.latency_ms_sum += latency_ms
        self.latency_ms_max = max(self.latency_ms_max, latency_ms)
        for place, bound in enumerate(LATENCY_BOUNDS_MS):
            self.within[place] += latency_ms <= bound


def save_served_use(
    session: Session, key: UseKey, counts: UseCounts, *, server_key: str, now: datetime
) -> None:
    """Write all that a process has counted so far; no other process writes this row."""
    values: dict[str, object] = {
        "model_name": key.model_name,
        "version_number": key.version_number,
        "hour_at": format_time(key.hour_at),
        "server_key": server_key,
        "request_count": counts.request_count,
        "error_count": counts.error_count,
        "cancelled_count": counts.cancelled_count,
        "prompt_tokens": counts.prompt_tokens,
        "output_tokens": counts.output_tokens,
        "latency_ms_sum": counts.latency_ms_sum,
        "latency_ms_max": counts.latency_ms_max,
        "updated_at": format_time(now),
    }
    bounds = zip(LATENCY_BOUNDS_MS, counts.within, strict=True)
    values |= {f"within_{bound}_ms": count for bound, count in bounds}
    if session.execute("update_served_use", **values) == 0:
        session.execute("insert_served_use", **values)
