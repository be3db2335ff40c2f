"""Settings become parts: the only place that names concrete classes."""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from random import SystemRandom
from typing import TYPE_CHECKING

from pipeline import health
from pipeline.backends.base import Backend
from pipeline.database import clocks, migrations
from pipeline.database.connection import Database, EngineKind
from pipeline.errors import ConfigError, DatabaseError
from pipeline.health import Finding
from pipeline.runtime import Reporter, Runtime
from pipeline.settings import Settings
from pipeline.tending import tend

if TYPE_CHECKING:
    from pipeline.server.running import Address
    from pipeline.worker import Watcher


def utc_now() -> datetime:
    """Give the time of this machine, in UTC."""
    return datetime.now(UTC).replace(tzinfo=None)


@dataclass(frozen=True, slots=True)
class _Told:
    """What the server's clock said, and when that was."""

    time: datetime
    here: datetime  #: by this machine's clock
    monotonic: float


class DatabaseClock:
    """The time of the database's server, in UTC, so that clocks of machines need not agree.

    It is asked once and then now and again; in between the seconds that pass here count on, and not
    this machine's clock, which somebody may set.
    """

    _ASKED_EVERY_SECONDS = 300.0
    #: A machine that slept, or whose clock was set: its seconds and its clock go apart.
    _DRIFT_SECONDS = 1.0

    def __init__(self, database: Database) -> None:
        """Take the time of this database's server."""
        self._database = database
        self._told: _Told | None = None

    def __call__(self) -> datetime:
        """Give the time."""
        if self._database.kind is EngineKind.SQLITE:
            return utc_now()  # SQLite's clock is this machine's own
        if self._told is None or self._is_old(self._told):
            # A database that is away leaves what is known, and is asked again next time.
            with suppress(DatabaseError):
                self._ask()
        if self._told is None:
            return utc_now()
        return self._told.time + timedelta(seconds=time.monotonic() - self._told.monotonic)

    def _is_old(self, told: _Told) -> bool:
        passed = time.monotonic() - told.monotonic
        drift = (utc_now() - told.here).total_seconds() - passed
        return passed > self._ASKED_EVERY_SECONDS or abs(drift) > self._DRIFT_SECONDS

    def _ask(self) -> None:
        told = clocks.utc_time(self._database)
        if told is not None:
            self._told = _Told(told, utc_now(), time.monotonic())


def new_id() -> str:
    """Give a unique name that says which machine made it."""
    # runs.run_key holds 64 characters, 32 of them are the unique part.
    return f"{socket.gethostname()[:31].lower()}-{uuid.uuid4().hex}"


def open_database(settings: Settings) -> Database:
    """Open the database that holds our tables."""
    return Database.open(settings.database_url)


@contextmanager
def open_runtime(settings: Settings, reporter: Reporter) -> Iterator[Runtime]:
    """Give the parts that planning and running need, and close them afterwards."""
    with ExitStack() as stack:
        database = open_database(settings)
        stack.callback(database.close)
        selection_database = database
        if settings.selection_url is not None:
            selection_database = Database.open(settings.selection_url)
            stack.callback(selection_database.close)
        shelf = BackendShelf(settings)
        stack.callback(shelf.close)
        yield Runtime(
            database=database,
            selection_database=selection_database,
            backend=shelf.get,
            settings=settings,
            now=DatabaseClock(database),
            new_id=new_id,
            reporter=reporter,
        )


@contextmanager
def open_migrated_database(settings: Settings) -> Iterator[Database]:
    """Give the database, made sure to hold our tables as this sqltune knows them."""
    database = open_database(settings)
    try:
        migrations.require_current(database)
        yield database
    finally:
        database.close()


def tend_rows(settings: Settings, database: Database) -> None:
    """Mark what is stuck and answer what cannot be met, where this user may write at all."""
    clock = DatabaseClock(database)
    with suppress(DatabaseError):
        tend(database, now=clock(), patience_seconds=settings.lease_seconds)


@contextmanager
def open_migrated_runtime(settings: Settings, reporter: Reporter) -> Iterator[Runtime]:
    """Give the parts that planning and running need, over a database that holds our tables."""
    with open_runtime(settings, reporter) as runtime:
        migrations.require_current(runtime.database)
        yield runtime


@contextmanager
def open_server(settings: Settings) -> Iterator[Address]:
    """Serve Gradient's API for as long as the block lasts.

    Raises:
        ConfigError: a package is missing, the address cannot be had, or it is open to others
            without a token.
        SchemaOutOfDate: the database lacks our tables.
        BackendError: a base model cannot be loaded.
    """
    from pipeline.server import exposure

    _require_server()
    exposure.require_token(settings)
    folder = settings.artifacts / "served"
    with ExitStack() as stack:
        database = stack.enter_context(open_migrated_database(settings))
        from pipeline.server import building

        yield stack.enter_context(
            building.open_server(settings, database, folder, now=utc_now, rng=SystemRandom())
        )


@contextmanager
def watching(settings: Settings) -> Iterator[tuple[Watcher, str | None]]:
    """Give who is told how a worker fares, and the address where that is told; None: nowhere.

    Raises:
        ConfigError: a package is missing, or the address cannot be had.
    """
    from pipeline.worker import SilentWatcher

    if settings.worker_port is None:
        yield SilentWatcher(), None
        return
    if find_spec("prometheus_client") is None:
        raise ConfigError(
            "the worker's metrics need prometheus-client: pip install 'sqltune[serve]'"
        )
    from pipeline import metrics

    watcher = metrics.WorkerMetrics(poll_seconds=settings.poll_seconds, monotonic=time.monotonic)
    with metrics.served(watcher, settings.worker_host, settings.worker_port) as address:
        yield watcher, address


def examine(settings: Settings) -> list[Finding]:
    """Look at database, tables, clock, text, adapters, selection user and artifacts folder."""
    with ExitStack() as stack:
        database = open_database(settings)
        stack.callback(database.close)
        selection_database = None
        if settings.selection_url is not None:
            selection_database = Database.open(settings.selection_url)
            stack.callback(selection_database.close)
        shelf = BackendShelf(settings)
        stack.callback(shelf.close)
        return health.examine(
            settings,
            database,
            selection_database,
            shelf.get,
            new_id=new_id,
            now_seconds=lambda: datetime.now(UTC).timestamp(),
        )


class BackendShelf:
    """Builds each backend when it is first asked for, and closes all at the end."""

    def __init__(self, settings: Settings) -> None:
        """Take what the backends need from the settings."""
        self._settings = settings
        self._built: dict[str, Backend] = {}

    def get(self, name: str) -> Backend:
        """Give the backend of this name.

        Raises:
            ConfigError: there is none, or the settings do not allow it.
        """
        if name not in _BUILDERS:
            raise ConfigError(
                f"unknown backend {name!r}: adapters.backend must be {_list(_BUILDERS)}"
            )
        if name not in self._settings.backends:
            raise ConfigError(
                f"backend {name!r} is not allowed here: SQLTUNE_BACKENDS lists "
                f"{_list(self._settings.backends)}"
            )
        if name not in self._built:
            self._built[name] = _BUILDERS[name](self._settings)
        return self._built[name]

    def close(self) -> None:
        """Close every backend that was built."""
        for backend in self._built.values():
            backend.close()
        self._built.clear()


def _require_server() -> None:
    missing = [name for name in ("starlette", "uvicorn", "torch", "peft") if not find_spec(name)]
    if missing:
        raise ConfigError(
            f"the server needs {', '.join(missing)}: pip install 'sqltune[local,serve]'"
        )


def _build_local(settings: Settings) -> Backend:
    from pipeline.backends.local import LocalBackend

    return LocalBackend(
        artifacts=settings.artifacts,
        allowed_folders=settings.base_model_folders,
        allow_hub_models=settings.allow_hub_models,
        threads=settings.threads,
    )


def _build_scripted(settings: Settings) -> Backend:
    from pipeline.backends.scripted import ScriptedBackend

    return ScriptedBackend(script=settings.script, artifacts=settings.artifacts)


def _build_gradient(settings: Settings) -> Backend:
    from pipeline.backends.gradient_account import read_account

    # Before httpx is loaded: an address that is missing is said at once.
    account = read_account(os.environ)
    from pipeline.backends.gradient import GradientBackend

    return GradientBackend(
        account,
        slots=settings.gradient_slots,
        timeout_seconds=settings.gradient_timeout_seconds,
    )


_BUILDERS: dict[str, Callable[[Settings], Backend]] = {
    "local": _build_local,
    "scripted": _build_scripted,
    "gradient": _build_gradient,
}


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
