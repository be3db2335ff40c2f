"""What receives a worker's progress: nothing, or metrics that are served over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Protocol

from sqltune.database.tables import reports
from sqltune.errors import ConfigError
from sqltune.records import OpenRun
from sqltune.runtime import Runtime
from sqltune.syncing.outcomes import Outcome


class Watcher(Protocol):
    """Receives a worker's progress for metrics and health."""

    def scanned(self, open_runs: Sequence[OpenRun]) -> None:
        """The worker read the rows of all runs that have not ended."""
        ...

    def round_ended(self) -> None:
        """The worker finished a round over every adapter that was due."""
        ...

    def turn_began(self, adapter_name: str) -> None:
        """The worker begins an adapter's turn."""
        ...

    def turn_ended(self, outcomes: Sequence[Outcome], seconds: float) -> None:
        """The adapter's turn is over."""
        ...

    def answered(self, answered: int, failed: int) -> None:
        """The worker wrote so many answers to questions, and errors in place of one."""
        ...

    def failed(self, error: BaseException) -> None:
        """A scan failed, or an adapter failed in a way that no row records."""
        ...


class SilentWatcher:
    """A watcher that ignores everything."""

    def scanned(self, open_runs: Sequence[OpenRun]) -> None:
        """Ignore it."""

    def round_ended(self) -> None:
        """Ignore it."""

    def turn_began(self, adapter_name: str) -> None:
        """Ignore it."""

    def turn_ended(self, outcomes: Sequence[Outcome], seconds: float) -> None:
        """Ignore it."""

    def answered(self, answered: int, failed: int) -> None:
        """Ignore it."""

    def failed(self, error: BaseException) -> None:
        """Ignore it."""


@contextmanager
def open_watcher(
    runtime: Runtime, monotonic: Callable[[], float]
) -> Iterator[tuple[Watcher, str | None]]:
    """Yield the watcher that the settings ask for, and the address that serves it, if any.

    Raises:
        ConfigError: a package is missing, or the address is in use.
    """
    settings = runtime.settings
    if settings.worker_port is None:
        yield SilentWatcher(), None
        return
    if not all(map(find_spec, ("prometheus_client", "starlette", "uvicorn"))):
        raise ConfigError(
            "the worker's metrics need prometheus-client, starlette and uvicorn: pip install "
            "'.[serve]' in a clone"
        )
    from sqltune.syncing import metrics, metrics_port

    def read_adapters() -> list[reports.AdapterHealth]:
        with runtime.database.read() as session:
            return reports.list_adapter_health(session, now=runtime.now())

    watcher = metrics.WorkerMetrics(
        poll_seconds=settings.poll_seconds, monotonic=monotonic, read_adapters=read_adapters
    )
    with metrics_port.served(watcher, settings.worker_host, settings.worker_port) as address:
        yield watcher, address
