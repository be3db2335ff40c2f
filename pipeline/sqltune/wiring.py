"""Build the parts of a process from its settings: the only place that names concrete classes."""

from __future__ import annotations

import os
import socket
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from random import SystemRandom
from typing import TYPE_CHECKING

from sqltune.backends.base import Backend
from sqltune.database import migrations
from sqltune.database.clocks import DatabaseClock, utc_now
from sqltune.database.connection import Database
from sqltune.errors import ConfigError
from sqltune.runtime import Reporter, Runtime, SilentReporter
from sqltune.settings import Settings

if TYPE_CHECKING:
    from sqltune.server.running import ListenAddress


def new_id() -> str:
    """Return a unique name that begins with this machine's."""
    # runs.run_key holds 64 characters, 32 of them are the unique part.
    return f"{socket.gethostname()[:31].lower()}-{uuid.uuid4().hex}"


def open_database(settings: Settings) -> Database:
    """Open the database that holds our tables."""
    return Database.open(settings.database_url)


def _open_server_database(settings: Settings) -> Database:
    """Open it for the server, whose statements are short and whose clients wait for them.

    One that says nothing is given up soon, though not before a wait for a lock has ended.
    """
    return Database.open(settings.database_url, lock_wait_seconds=8, silence_seconds=12)


@contextmanager
def open_runtime(settings: Settings, reporter: Reporter) -> Iterator[Runtime]:
    """Yield the parts that planning and running need, and close them afterwards."""
    with ExitStack() as stack:
        database = open_database(settings)
        stack.callback(database.close)
        selection_database = database
        if settings.selection_url is not None:
            selection_database = Database.open(
                settings.selection_url, setting="SQLTUNE_SELECTION_URL", reads_only=True
            )
            stack.callback(selection_database.close)
        shelf = BackendShelf(settings, reporter)
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
def open_migrated_database(
    settings: Settings, open_one: Callable[[Settings], Database] = open_database
) -> Iterator[Database]:
    """Yield the database once its tables are known to be up to date."""
    database = open_one(settings)
    try:
        migrations.require_current(database)
        yield database
    finally:
        database.close()


@contextmanager
def open_migrated_runtime(settings: Settings, reporter: Reporter) -> Iterator[Runtime]:
    """Yield the parts that planning and running need, over a database that is up to date."""
    with open_runtime(settings, reporter) as runtime:
        migrations.require_current(runtime.database)
        yield runtime


@contextmanager
def open_server(settings: Settings, say: Callable[[str], None]) -> Iterator[ListenAddress]:
    """Serve both APIs for as long as the block lasts, and report with `say` what takes long.

    Raises:
        ConfigError: a package is missing, the address cannot be used, or it is open to other
            machines without a token.
        SchemaOutOfDate: the database lacks our tables.
        BackendError: a base model cannot be loaded.
    """
    from sqltune.server import exposure

    _require_server()
    exposure.require_token(settings)
    folder = settings.artifacts / "served"
    with ExitStack() as stack:
        database = stack.enter_context(open_migrated_database(settings, _open_server_database))
        from sqltune.server import building

        yield stack.enter_context(
            building.open_server(
                settings, database, folder, now=utc_now, rng=SystemRandom(), say=say
            )
        )


class BackendShelf:
    """Builds each backend on first use, and closes all at the end."""

    def __init__(self, settings: Settings, reporter: Reporter | None = None) -> None:
        """Build backends from these settings, which report what takes long."""
        self._settings = settings
        self._reporter = reporter or SilentReporter()
        self._built: dict[str, Backend] = {}
        self._building = threading.Lock()  # runs and questions ask for backends in two threads

    def get(self, name: str) -> Backend:
        """Return the backend of this name.

        Raises:
            ConfigError: there is no such backend, or the settings do not allow it.
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
        with self._building:
            if name not in self._built:
                self._built[name] = _BUILDERS[name](self._settings, self._reporter)
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
            f"the server needs {', '.join(missing)}: pip install '.[local,serve]' in a clone"
        )


def _build_local(settings: Settings, reporter: Reporter) -> Backend:
    from sqltune.backends.local.backend import LocalBackend
    from sqltune.local_lora.base_models.converted import ConvertedModels

    return LocalBackend(
        artifacts=settings.artifacts,
        allowed_folders=settings.base_model_folders,
        allow_hub_models=settings.allow_hub_models,
        threads=settings.threads,
        device=settings.device,
        converted=ConvertedModels(settings.cache, reporter.say),
        busy=reporter.busy,
    )


def _build_scripted(settings: Settings, reporter: Reporter) -> Backend:
    from sqltune.backends.scripted.backend import ScriptedBackend

    return ScriptedBackend(script=settings.script, artifacts=settings.artifacts)


def _build_gradient(settings: Settings, reporter: Reporter) -> Backend:
    from sqltune.backends.gradient.account import read_account

    # Before httpx is imported, so that a missing address is reported at once.
    account = read_account(os.environ)
    from sqltune.backends.gradient.backend import GradientBackend

    return GradientBackend(
        account,
        slots=settings.gradient_slots,
        timeout_seconds=settings.gradient_timeout_seconds,
    )


_BUILDERS: dict[str, Callable[[Settings, Reporter], Backend]] = {
    "local": _build_local,
    "scripted": _build_scripted,
    "gradient": _build_gradient,
}


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
