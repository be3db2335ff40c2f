"""Who decides which adapters are synced when: `sync` once, `work` for as long as it is let.

Both hand each adapter to `syncing.sync_adapter`; everything that is to be done stands in rows, so
any number of either may run at the same time, on any number of machines.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqltune.database.patience import with_patience
from sqltune.database.tables import adapters, requests, states
from sqltune.database.tables.adapters import parse_every
from sqltune.errors import (
    ConfigError,
    DatabaseError,
    DatabaseUnavailable,
    PipelineError,
    RunInterrupted,
    SchemaOutOfDate,
)
from sqltune.planning.planner import Decision
from sqltune.records import Adapter, DesiredState, OpenRun, RunState
from sqltune.runtime import Runtime
from sqltune.syncing.ending import cancel_run
from sqltune.syncing.lease import holding
from sqltune.syncing.outcomes import Outcome
from sqltune.syncing.reconcile import look
from sqltune.syncing.turn import sync_adapter
from sqltune.syncing.watcher import Watcher

logger = logging.getLogger(__name__)

#: How often an adapter is looked at whose sync_every cannot be read: its refusal is to be seen.
_ODD_SCHEDULE_SECONDS = 60.0
#: Longest pause between two looks at a database that is away.
_LONGEST_PAUSE_SECONDS = 30.0


def sync(
    runtime: Runtime, names: Sequence[str], *, force: bool, stop: threading.Event
) -> list[Outcome]:
    """Bring the named adapters, or all that are enabled, up to date.

    Raises:
        ConfigError: a named adapter does not exist.
        RunInterrupted: `stop` was set; what was begun can be resumed.
        DatabaseUnavailable: the database stayed away; what was begun can be resumed.
    """
    open_runs = with_patience(lambda: look(runtime), stop)
    declared = with_patience(lambda: _read_declared(runtime), stop)
    _end_lost(runtime, _find_lost(open_runs, declared), stop)
    outcomes: list[Outcome] = []
    for adapter in with_patience(lambda: choose_adapters(runtime, names), stop):
        if stop.is_set():
            raise RunInterrupted("stopped before the next adapter")
        try:
            outcomes.extend(sync_adapter(runtime, adapter, force=force, stop=stop))
        except PipelineError:
            raise
        except Exception as error:
            # One adapter's row that nobody thought of must not keep all others waiting.
            outcomes.append(_broken(runtime, adapter.adapter_name, error))
        finally:
            runtime.reporter.finish()
    return outcomes


def _broken(runtime: Runtime, adapter_name: str, error: Exception) -> Outcome:
    """Tell of an adapter that went wrong in a way that no row tells."""
    reason = f"sqltune went wrong: {type(error).__name__}: {error}"
    runtime.reporter.say(f"{adapter_name}: {reason}")
    logger.error(
        "%s: %s",
        adapter_name,
        reason,
        exc_info=error,
        extra={"event": "adapter_broken", "adapter": adapter_name},
    )
    return Outcome(
        adapter_name, Decision.REFUSED, reason, state=RunState.FAILED, error_message=reason
    )


def _read_declared(runtime: Runtime) -> dict[str, Adapter]:
    with runtime.database.read() as session:
        return {a.adapter_name: a for a in adapters.list_adapters(session)}


def choose_adapters(runtime: Runtime, names: Sequence[str]) -> list[Adapter]:
    """Give the named adapters; where no name is given, every one that is enabled, and those that
    have a run to end.

    Raises:
        ConfigError: a named adapter does not exist.
    """
    declared = _read_declared(runtime)
    with runtime.database.read() as session:
        unfinished = {r.adapter_name for r in requests.list_open_runs(session)}
    _require_declared(names, declared)
    if names:
        return [declared[name] for name in dict.fromkeys(names)]
    return [a for a in declared.values() if a.is_enabled or a.adapter_name in unfinished]


def work(
    runtime: Runtime,
    names: Sequence[str],
    watcher: Watcher,
    *,
    stop: threading.Event,
    monotonic: Callable[[], float],
) -> None:
    """Sync whatever is due, look again, and so on until `stop` is set.

    Raises:
        ConfigError: a named adapter does not exist.
        SchemaOutOfDate: somebody migrated the database to what this sqltune does not know.
    """
    _require_declared(names, _read_declared(runtime))
    tender = threading.Thread(
        target=_keep_tending, args=(runtime, watcher, stop), name="tending", daemon=True
    )
    tender.start()
    logger.info("the worker looks for something to do", extra={"event": "worker_started"})
    pause = poll = runtime.settings.poll_seconds
    while not stop.is_set():
        try:
            is_well = _sync_due(runtime, names, watcher, stop, monotonic)
            watcher.round_ended()
            pause = poll if is_well else min(2 * pause, _LONGEST_PAUSE_SECONDS)
        except RunInterrupted:
            break
        except (SchemaOutOfDate, ConfigError):
            raise
        except PipelineError as error:
            _complain(watcher, error)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        stop.wait(pause)
    tender.join()
    logger.info("the worker has ended", extra={"event": "worker_stopped"})


@dataclass(frozen=True)
class _Due:
    """What a worker sees when it looks."""

    adapters: list[Adapter]
    scheduled: set[str]  #: those of them that are due by their schedule; the rest was asked for
    cancelled: list[OpenRun]  #: unfinished runs of adapters that are not declared any more


def _sync_due(
    runtime: Runtime,
    names: Sequence[str],
    watcher: Watcher,
    stop: threading.Event,
    monotonic: Callable[[], float],
) -> bool:
    """Sync what is due; False where an adapter went wrong in a way that no row tells."""
    due, is_well = find_due(runtime, names), True
    # Workers that look at the same moment do not all reach for the same adapter.
    for adapter in random.sample(due.adapters, len(due.adapters)):
        if stop.is_set():
            return is_well
        began = monotonic()
        watcher.turn_began(adapter.adapter_name)
        outcomes: list[Outcome] = []
        try:
            outcomes = sync_adapter(
                runtime,
                adapter,
                force=False,
                stop=stop,
                is_scheduled=adapter.adapter_name in due.scheduled,
            )
        except (RunInterrupted, DatabaseUnavailable, SchemaOutOfDate, ConfigError):
            raise
        except Exception as error:
            # One adapter's row that nobody thought of must not keep all others waiting.
            _complain(watcher, error)
            is_well = False
        finally:
            runtime.reporter.finish()
            watcher.turn_ended(outcomes, monotonic() - began)
    _end_lost(runtime, due.cancelled, stop)
    return is_well


def find_due(runtime: Runtime, names: Sequence[str]) -> _Due:
    """Give the adapters that something is to be done for now, and that nobody works on."""
    now, declared = runtime.now(), _read_declared(runtime)
    with runtime.database.read() as session:
        open_runs = requests.list_open_runs(session)
        schedule = requests.list_schedule(session)
        aliases = requests.list_alias_requests(session)
        leases = states.list_leases(session)
    scheduled = {s.adapter_name for s in schedule if s.is_enabled and _is_scheduled(s, now)}
    wanted = scheduled | aliases
    own: dict[str, list[OpenRun]] = {}
    for run in open_runs:
        own.setdefault(run.adapter_name, []).append(run)
    for name in own:
        wanted = _with_runs(wanted, name, own[name])
    at_work = {name for name, lease in leases.items() if not lease.is_expired}
    chosen = [
        adapter
        for name, adapter in declared.items()
        if name in wanted - at_work and (not names or name in names)
    ]
    return _Due(chosen, scheduled, _find_lost(open_runs, declared))


def _find_lost(open_runs: Sequence[OpenRun], declared: Mapping[str, Adapter]) -> list[OpenRun]:
    """Give the runs to end that no adapter's turn will come to: its row was deleted."""
    return [
        run
        for run in open_runs
        if run.adapter_name not in declared
        and not run.is_request
        and run.desired_state == DesiredState.CANCELLED
    ]


def _end_lost(runtime: Runtime, lost: Sequence[OpenRun], stop: threading.Event) -> None:
    for run in lost:
        with holding(runtime, run.adapter_name, stop) as held:
            if held is not None:
                cancel_run(held, run.run_id)


def _with_runs(wanted: set[str], name: str, own: list[OpenRun]) -> set[str]:
    """Add or remove an adapter by its runs: one that is held keeps everything else waiting."""
    unfinished = [run for run in own if not run.is_request]
    if unfinished:
        is_held = all(
            run.state == RunState.PAUSED and run.desired_state == DesiredState.PAUSED
            for run in unfinished
        )
        return wanted - {name} if is_held else wanted | {name}
    is_asked = any(run.desired_state == DesiredState.RUNNING for run in own)
    return wanted | {name} if is_asked else wanted


def _is_scheduled(scheduled: requests.Scheduled, now: datetime) -> bool:
    if scheduled.retry_at is not None and scheduled.retry_at <= now:
        return True
    if scheduled.sync_every is None:
        return False
    if scheduled.decided_at is None:
        return True
    seconds = parse_every(scheduled.sync_every) or _ODD_SCHEDULE_SECONDS
    passed = (now - scheduled.decided_at).total_seconds()
    # In the future: some clock was wrong then, and to wait for it could take days.
    return passed >= seconds or passed < -_ODD_SCHEDULE_SECONDS


def _keep_tending(runtime: Runtime, watcher: Watcher, stop: threading.Event) -> None:
    """Answer requests and mark what is stuck, also while a run takes hours."""
    pause = poll = runtime.settings.poll_seconds
    while not stop.is_set():
        try:
            watcher.scanned(look(runtime))
            pause = poll
        except Exception as error:
            _complain(watcher, error)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        stop.wait(pause)


def _complain(watcher: Watcher, error: Exception) -> None:
    watcher.failed(error)
    is_database = isinstance(error, DatabaseError)
    logger.warning(
        "the worker looks again later: %s",
        error,
        exc_info=not is_database,
        extra={"event": "worker_failed"},
    )


def _require_declared(names: Sequence[str], declared: dict[str, Adapter]) -> None:
    unknown = [name for name in names if name not in declared]
    if unknown:
        known = ", ".join(sorted(declared)) or "none"
        raise ConfigError(f"no adapter named {unknown[0]!r} in table adapters (there are: {known})")
