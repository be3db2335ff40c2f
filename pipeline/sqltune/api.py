"""The public Python API: open a database, plan, sync, and read a view as a DataFrame.

    import sqltune

    with sqltune.open("sqlite:///sqltune.db") as workspace:
        workspace.init()
        workspace.sync("support-bot")
        workspace.view("report_before_after", adapter_name="support-bot", is_latest=1)

Everything that `sqltune` exports at its top level is public. All other modules are private and may
change in any release.
"""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, ExitStack, nullcontext
from types import TracebackType
from typing import TYPE_CHECKING, Self

from sqltune.database import migrations, views
from sqltune.database.clocks import utc_now
from sqltune.errors import ConfigError, DatabaseError
from sqltune.operations.forecast import Forecast, forecast
from sqltune.records import parse_flag
from sqltune.runtime import Reporter, Runtime, SilentReporter
from sqltune.settings import find_unknown_variables, load_settings
from sqltune.syncing.outcomes import Outcome
from sqltune.syncing.sync import sync
from sqltune.wiring import open_runtime

if TYPE_CHECKING:
    import pandas as pd


def open_workspace(
    url: str | None = None, *, report: Callable[[str], None] | None = None, **settings: object
) -> Workspace:
    """Open the database that has sqltune's tables.

    Args:
        url: its SQLAlchemy URL, for instance `sqlite:///sqltune.db`; None takes the setting
            `database_url`, as the command does.
        report: called with a sentence for each event of a sync, for instance `print`.
        settings: further settings by their names in `sqltune.toml`, for instance
            `artifacts="weights"`; they take precedence over the environment.

    Raises:
        ConfigError: a setting is unknown or has a wrong value.
    """
    for variable in find_unknown_variables(os.environ):
        warnings.warn(str(variable), stacklevel=2)
    reporter = SilentReporter() if report is None else _CallbackReporter(report)
    stack = ExitStack()
    if url is not None:
        settings["database_url"] = url
    parts = open_runtime(load_settings(**settings), reporter)
    return Workspace(stack.enter_context(parts), stack)


class Workspace:
    """One database with sqltune's tables; made by `sqltune.open`, and closed at the end."""

    def __init__(self, runtime: Runtime, resources: ExitStack) -> None:
        """Work with these parts; `sqltune.open` makes them."""
        self._parts = runtime
        self._resources = resources
        self._is_closed = False

    @property
    def _runtime(self) -> Runtime:
        if self._is_closed:
            raise ConfigError("this workspace is closed: open another with sqltune.open()")
        return self._parts

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Workspace({self._parts.database.address})"

    def close(self) -> None:
        """Close all connections and release all models; further calls are refused."""
        self._is_closed = True
        self._resources.close()

    def init(self) -> list[str]:
        """Create the tables and views, or bring them up to date; return what was applied.

        Raises:
            DatabaseError: the database refused a statement.
        """
        return migrations.apply(self._runtime.database, now=utc_now)

    def plan(self, *adapters: str, force: bool = False) -> list[Forecast]:
        """Return what `sync` would do, one forecast per adapter. Writes nothing.

        Args:
            adapters: names; none means all that are enabled.
            force: plan what `sync(force=True)` would do.

        Raises:
            ConfigError: a named adapter does not exist.
            SchemaOutOfDate: the tables are missing or old; call `init` first.
        """
        _require_names(adapters)
        force = _require_flag("force", force)
        migrations.require_current(self._runtime.database)
        return forecast(self._runtime, adapters, force=force, count_tokens=True)

    def sync(self, *adapters: str, force: bool = False) -> list[Outcome]:
        """Bring adapters up to date; return one outcome per adapter and request.

        A run that fails is an outcome with state `failed`, not an exception. An interrupt (Ctrl-C,
        or a notebook's stop button) leaves the run resumable: the next sync continues it.

        Args:
            adapters: names; none means all that are enabled.
            force: train regardless of the last run.

        Raises:
            ConfigError: a named adapter does not exist.
            DatabaseUnavailable: the database stayed unavailable; what was begun can be resumed.
            SchemaOutOfDate: the tables are missing or old; call `init` first.
        """
        _require_names(adapters)
        force = _require_flag("force", force)
        migrations.require_current(self._runtime.database)
        return _run_interruptibly(
            lambda stop: sync(self._runtime, adapters, force=force, stop=stop)
        )

    def view(self, name: str, **equals: object) -> pd.DataFrame:
        """Return a report view as a DataFrame: times as datetime64 in UTC, dates as `date`.

        Args:
            name: the view, for instance `report_before_after`.
            equals: keeps only rows whose column has this value; None means NULL.

        Raises:
            ConfigError: there is no such view, or it has no such column.
            SchemaOutOfDate: the tables are missing or old; call `init` first.
        """
        _require_names((name,))
        try:
            with self._runtime.database.read() as session:
                return views.read_view(session, name, equals)
        except DatabaseError:
            # A BI tool's user may read the views and nothing else, so this is asked only now.
            migrations.require_current(self._runtime.database)
            raise


def _require_names(names: Sequence[object]) -> None:
    for name in names:
        if not isinstance(name, str):
            raise ConfigError(f"a name must be a text, got {name!r}: pass several one by one")
        if any(map(_is_half, name)):
            raise ConfigError(f"a name has half of a character: {name!r}")


def _is_half(character: str) -> bool:
    return "\ud800" <= character <= "\udfff"


def _require_flag(name: str, value: object) -> bool:
    if (flag := parse_flag(value)) is None:
        raise ConfigError(f"{name} must be True or False, got {value!r}")
    return flag


class _CallbackReporter(Reporter):
    """Reports events to a function and leaves out progress."""

    def __init__(self, report: Callable[[str], None]) -> None:
        if not callable(report):
            raise ConfigError(f"report must be a function of one text, got {report!r}")
        self._report = report

    def say(self, message: str) -> None:
        # What a listener does must not decide how a run ends.
        try:
            self._report(message)
        except Exception as error:
            warnings.warn(f"the function `report` failed: {error!r}", stacklevel=2)

    def progress(self, activity: str, done: int, total: int | None, detail: str = "") -> None:
        pass

    def busy(self, activity: str) -> AbstractContextManager[None]:
        return nullcontext()

    def finish(self) -> None:
        pass


def _run_interruptibly(work: Callable[[threading.Event], list[Outcome]]) -> list[Outcome]:
    """Run a function in a thread, and ask it to stop if this thread is interrupted."""
    stop = threading.Event()
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="sync") as executor:
        try:
            future = executor.submit(work, stop)
            # On Windows a wait without a time limit cannot be interrupted.
            while not wait([future], timeout=0.2).done:
                pass
        except BaseException:
            stop.set()  # leaving the block waits for the thread
            raise
        return future.result()
