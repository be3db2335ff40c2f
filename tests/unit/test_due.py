"""Which adapters are due: schedules, requests and unfinished runs, as tables."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from sqltune.database.tables.requests import Scheduled
from sqltune.database.tables.states import LiveTimes
from sqltune.errors import ConfigError
from sqltune.records import OpenRun
from sqltune.syncing.due import (
    apply_open_runs,
    choose_adapters,
    find_abandoned,
    find_due,
    is_due_again,
    is_scheduled,
)
from tests.unit.made_records import ADAPTER, NOW, OPEN_REQUEST, OPEN_RUN
from tests.unit.office import Office

SCHEDULED = Scheduled("office", True, "15m", NOW, None)
QUARTER = timedelta(minutes=15)
PAUSED = replace(OPEN_RUN, state="paused", desired_state="paused")


@pytest.mark.parametrize(
    ("scheduled", "is_due"),
    [
        (replace(SCHEDULED, decided_at=None), True),
        (replace(SCHEDULED, decided_at=NOW - QUARTER), True),
        (replace(SCHEDULED, decided_at=NOW - QUARTER + timedelta(seconds=1)), False),
        (replace(SCHEDULED, sync_every=None, decided_at=None), False),
        (replace(SCHEDULED, sync_every=None, retry_at=NOW), True),
        (replace(SCHEDULED, retry_at=NOW + QUARTER), False),
        (replace(SCHEDULED, retry_at=NOW - QUARTER), True),
        # A schedule that cannot be parsed is due once a minute, so that its refusal shows.
        (replace(SCHEDULED, sync_every="soon", decided_at=NOW - timedelta(seconds=59)), False),
        (replace(SCHEDULED, sync_every="soon", decided_at=NOW - timedelta(seconds=60)), True),
        # Written by a clock that was ahead.
        (replace(SCHEDULED, decided_at=NOW + timedelta(days=3)), True),
        (replace(SCHEDULED, decided_at=NOW + timedelta(seconds=59)), False),
    ],
)
def test_an_adapter_is_due_by_its_schedule_or_by_a_retry(
    scheduled: Scheduled, is_due: bool
) -> None:
    assert is_scheduled(scheduled, NOW) is is_due


@pytest.mark.parametrize(
    ("every", "times", "is_due"),
    [
        ("15m", LiveTimes(NOW - QUARTER, None), True),
        ("15m", LiveTimes(NOW - QUARTER + timedelta(seconds=1), None), False),
        ("15m", LiveTimes(NOW - 9 * QUARTER, NOW - QUARTER), True),
        ("15m", LiveTimes(NOW - 9 * QUARTER, NOW), False),
        # Another version went live since.
        ("15m", LiveTimes(NOW, NOW - 9 * QUARTER), False),
        ("15m", None, False),
        (None, LiveTimes(NOW - QUARTER, None), False),
        ("soon", LiveTimes(NOW - QUARTER, None), False),
        # Written by a clock that was ahead.
        ("15m", LiveTimes(NOW + timedelta(days=3), None), True),
    ],
)
def test_what_is_live_is_due_again_so_long_after_it_went_live_or_was_evaluated(
    every: str | None, times: LiveTimes | None, is_due: bool
) -> None:
    assert is_due_again(every, times, NOW) is is_due


@pytest.mark.parametrize(
    ("due", "open_runs", "expected"),
    [
        ({"office"}, [], {"office"}),
        (set(), [OPEN_RUN], {"office"}),
        (set(), [OPEN_REQUEST], {"office"}),
        (set(), [replace(OPEN_REQUEST, desired_state="paused")], set()),
        (set(), [replace(OPEN_REQUEST, desired_state="cancelled")], set()),
        # A paused run keeps its schedule and later requests waiting.
        ({"office"}, [PAUSED], set()),
        ({"office"}, [PAUSED, OPEN_REQUEST], set()),
        ({"office"}, [PAUSED, replace(OPEN_RUN, run_id=8)], {"office"}),
        (set(), [replace(PAUSED, desired_state="running")], {"office"}),
        (set(), [replace(PAUSED, desired_state="cancelled")], {"office"}),
        ({"attic"}, [PAUSED], {"attic"}),
    ],
)
def test_open_runs_make_an_adapter_due_and_a_paused_run_keeps_it_waiting(
    due: set[str], open_runs: list[OpenRun], expected: set[str]
) -> None:
    assert apply_open_runs(due, open_runs) == expected


@pytest.mark.parametrize(
    ("run", "is_abandoned"),
    [
        (replace(OPEN_RUN, adapter_name="gone", desired_state="cancelled"), True),
        (replace(OPEN_RUN, adapter_name="gone"), False),
        (replace(OPEN_RUN, desired_state="cancelled"), False),
        (replace(OPEN_REQUEST, adapter_name="gone", desired_state="cancelled"), False),
    ],
)
def test_a_cancelled_run_without_its_adapter_is_abandoned(run: OpenRun, is_abandoned: bool) -> None:
    assert find_abandoned([run], {"office": ADAPTER}) == ([run] if is_abandoned else [])


def test_a_worker_scans_for_what_is_due_and_leaves_leased_adapters_alone(office: Office) -> None:
    assert find_due(office.runtime, []).adapters == []
    office.do("UPDATE adapters SET sync_every = '1h'")
    due = find_due(office.runtime, [])
    assert [a.adapter_name for a in due.adapters] == ["office"]
    assert due.scheduled == {"office"}
    assert find_due(office.runtime, ["attic"]).adapters == []
    with office.lease():
        assert find_due(office.runtime, []).adapters == []


def test_a_sync_takes_enabled_adapters_and_disabled_ones_with_an_open_run(office: Office) -> None:
    assert [a.adapter_name for a in choose_adapters(office.runtime, [])] == ["office"]
    office.do("UPDATE adapters SET is_enabled = 0")
    assert choose_adapters(office.runtime, []) == []
    office.do("INSERT INTO runs (adapter_name) VALUES ('office')")
    assert [a.adapter_name for a in choose_adapters(office.runtime, [])] == ["office"]


def test_a_name_that_no_adapter_has_is_refused_with_those_that_there_are(office: Office) -> None:
    with pytest.raises(ConfigError, match=r"no adapter named 'ofice' .*did you mean 'office'"):
        choose_adapters(office.runtime, ["ofice"])


def test_a_name_given_twice_is_synced_once(office: Office) -> None:
    assert len(choose_adapters(office.runtime, ["office", "office"])) == 1
