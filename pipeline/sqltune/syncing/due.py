"""Which adapters are due: by their schedule, by a row that asks, or by a run left unfinished."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqltune.database.tables import adapters, requests, states
from sqltune.database.tables.requests import Scheduled
from sqltune.database.tables.states import LastTry, LiveTimes
from sqltune.errors import ConfigError
from sqltune.planning.adapter_rules import parse_every
from sqltune.records import Adapter, DesiredState, OpenRun, RunState
from sqltune.runtime import Runtime
from sqltune.suggestions import no_adapter

#: How often an adapter is due whose sync_every cannot be parsed, so that its refusal shows.
_UNREADABLE_SCHEDULE_SECONDS = 60.0


@dataclass(frozen=True)
class DueAdapters:
    """What a worker's scan found."""

    adapters: list[Adapter]
    scheduled: set[str]  #: those due by their schedule; the others were asked for
    abandoned: list[OpenRun]  #: cancelled runs whose adapter is no longer declared
    last: set[str]  #: those that failed, were slow or killed a runner in their last turn


def read_declared(runtime: Runtime) -> dict[str, Adapter]:
    """Return every declared adapter by name."""
    with runtime.database.read() as session:
        return {a.adapter_name: a for a in adapters.list_adapters(session)}


def require_declared(names: Sequence[str], declared: Collection[str]) -> None:
    """Refuse names that no adapter has.

    Raises:
        ConfigError: names the first of them, and the adapters that there are.
    """
    unknown = [name for name in names if name not in declared]
    if unknown:
        raise ConfigError(no_adapter(unknown[0], declared))


def choose_adapters(runtime: Runtime, names: Sequence[str]) -> list[Adapter]:
    """Return the named adapters, or all that are enabled or have an open run.

    Raises:
        ConfigError: a named adapter does not exist.
    """
    declared = read_declared(runtime)
    require_declared(names, declared)
    if names:
        return [declared[name] for name in dict.fromkeys(names)]
    with runtime.database.read() as session:
        unfinished = {run.adapter_name for run in requests.list_open_runs(session)}
        places = states.list_last_tries(session)
    chosen = [a for a in declared.values() if a.is_enabled or a.adapter_name in unfinished]
    return order_adapters(chosen, places)


def order_adapters(chosen: Iterable[Adapter], places: Mapping[str, LastTry]) -> list[Adapter]:
    """Order adapters so that none keeps others waiting by what it did the last time.

    First come those that went well, and of these the one that waits longest.
    """

    def order(adapter: Adapter) -> tuple[bool, datetime, str]:
        place = places.get(adapter.adapter_name, LastTry(comes_last=False, claimed_at=None))
        # On SQLite a name may be bytes.
        return place.comes_last, place.claimed_at or datetime.min, str(adapter.adapter_name)

    return sorted(chosen, key=order)


def find_due(runtime: Runtime, names: Sequence[str], unfinished: Iterable[str] = ()) -> DueAdapters:
    """Return the adapters that are due now and that no runner works on.

    Args:
        runtime: where to read.
        names: adapters to work on; none means all.
        unfinished: adapters whose last turn in this process left something to do.
    """
    now, declared = runtime.now(), read_declared(runtime)
    with runtime.database.read() as session:
        open_runs = requests.list_open_runs(session)
        schedule = requests.list_schedule(session)
        alias_requests = requests.list_alias_requests(session)
        leases = states.list_leases(session, lease_seconds=runtime.settings.lease_seconds)
        places = states.list_last_tries(session)
    scheduled = {s.adapter_name for s in schedule if s.is_enabled and is_scheduled(s, now)}
    again = {s.adapter_name for s in schedule if s.is_enabled and is_live_due(s, now)}
    again |= {s.adapter_name for s in schedule if s.is_enabled and is_prediction_due(s, now)}
    due = apply_open_runs(scheduled | again | alias_requests | set(unfinished), open_runs)
    due -= {name for name, lease in leases.items() if not lease.is_expired}
    chosen = [a for name, a in declared.items() if name in due and (not names or name in names)]
    last = {name for name, place in places.items() if place.comes_last}
    return DueAdapters(chosen, scheduled, find_abandoned(open_runs, declared), last)


def is_scheduled(schedule: Scheduled, now: datetime) -> bool:
    """Whether a retry or the adapter's own schedule is due."""
    if schedule.retry_at is not None and schedule.retry_at <= now:
        return True
    if schedule.sync_every is None:
        return False
    if schedule.decided_at is None:
        return True
    seconds = parse_every(schedule.sync_every) or _UNREADABLE_SCHEDULE_SECONDS
    return _has_passed(schedule.decided_at, seconds, now)


def is_live_due(schedule: Scheduled, now: datetime) -> bool:
    """Whether what is live is to be evaluated again."""
    times = LiveTimes(schedule.live_since, schedule.reevaluated_at)
    return is_due_again(schedule.reevaluate_every, times, now)


def is_prediction_due(schedule: Scheduled, now: datetime) -> bool:
    """Whether rows are to be answered by a schedule of their own."""
    times = LiveTimes(schedule.live_since, None, schedule.predicted_at)
    return is_predict_every_over(schedule.predict_every, times, now)


def is_predict_every_over(every: str | None, times: LiveTimes | None, now: datetime) -> bool:
    """Whether so much time has passed since the prediction_query was read; see `is_due_again`."""
    seconds = None if every is None else parse_every(every)
    if seconds is None or times is None or times.live_since is None:
        return False
    return times.predicted_at is None or _has_passed(times.predicted_at, seconds, now)


def is_due_again(every: str | None, times: LiveTimes | None, now: datetime) -> bool:
    """Whether so much time has passed since a version went live, or was last evaluated so.

    Args:
        every: the adapter's reevaluate_every; one that cannot be parsed is never due, because the
            sync of the adapter refuses it.
        times: None: nothing is live.
        now: UTC.
    """
    seconds = None if every is None else parse_every(every)
    if seconds is None or times is None or times.live_since is None:
        return False
    last = max(times.live_since, times.reevaluated_at or times.live_since)
    return _has_passed(last, seconds, now)


def _has_passed(since: datetime, seconds: float, now: datetime) -> bool:
    elapsed = (now - since).total_seconds()
    # A time in the future was written by a wrong clock; waiting for it could take days.
    return elapsed >= seconds or elapsed < -_UNREADABLE_SCHEDULE_SECONDS


def apply_open_runs(due: set[str], open_runs: Sequence[OpenRun]) -> set[str]:
    """Add adapters with unfinished runs or requests, and remove those whose run is paused.

    A paused run keeps everything else of its adapter waiting.
    """
    unfinished = [run for run in open_runs if not run.is_request]
    with_unfinished = {run.adapter_name for run in unfinished}
    active = {run.adapter_name for run in unfinished if not _is_paused(run)}
    requested = {
        run.adapter_name
        for run in open_runs
        if run.is_request and run.desired_state == DesiredState.RUNNING
    }
    return (due | requested) - with_unfinished | active


def find_abandoned(open_runs: Sequence[OpenRun], declared: Mapping[str, Adapter]) -> list[OpenRun]:
    """Return cancelled runs whose adapter was deleted, so that no turn would end them."""
    return [
        run
        for run in open_runs
        if run.adapter_name not in declared
        and not run.is_request
        and run.desired_state == DesiredState.CANCELLED
    ]


def _is_paused(run: OpenRun) -> bool:
    return run.state == RunState.PAUSED and run.desired_state == DesiredState.PAUSED
