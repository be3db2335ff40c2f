"""Rows of runs are reconciled with what people ask for, and no runner's change is overwritten."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from sqltune.database.tables import requests, runs
from sqltune.database.tables.states import Lease
from sqltune.records import OpenRun, RunState
from sqltune.syncing.reconcile import (
    Snapshot,
    find_damage,
    find_request_end,
    find_stuck_reason,
    reconcile_rows,
)
from tests.unit.made_records import NOW, OPEN_REQUEST, OPEN_RUN
from tests.unit.office import Office

LEASE = Lease("office", "desk-1", NOW, NOW, NOW, 7, is_expired=False)
ENABLED = {"office": True, "attic": False}


@pytest.mark.parametrize(
    ("request_row", "state", "code"),
    [
        (replace(OPEN_REQUEST, desired_state="cancelled"), RunState.CANCELLED, None),
        (replace(OPEN_REQUEST, state="training"), RunState.FAILED, "request_refused"),
        (replace(OPEN_REQUEST, desired_state="stopped"), RunState.FAILED, "request_refused"),
        (replace(OPEN_REQUEST, adapter_name="ofice"), RunState.FAILED, "unknown_adapter"),
        (replace(OPEN_REQUEST, adapter_name="attic"), RunState.FAILED, "adapter_disabled"),
    ],
)
def test_a_request_that_no_runner_can_take_up_ends_with_a_reason(
    request_row: OpenRun, state: RunState, code: str | None
) -> None:
    end = find_request_end(request_row, ENABLED)
    assert end is not None
    assert (end.state, end.error_code) == (state, code)
    assert (end.error_message is None) is (code is None)


@pytest.mark.parametrize("desired_state", ["running", "paused"])
def test_a_request_that_a_runner_can_take_up_is_left_alone(desired_state: str) -> None:
    assert find_request_end(replace(OPEN_REQUEST, desired_state=desired_state), ENABLED) is None


@pytest.mark.parametrize(
    ("run", "damage"),
    [
        (OPEN_RUN, None),
        (replace(OPEN_RUN, state="paused", resume_state="training"), None),
        (replace(OPEN_RUN, state="trainig"), "state 'trainig'"),
        (replace(OPEN_RUN, run_kind="teach"), "run_kind 'teach'"),
        (replace(OPEN_RUN, run_kind=None), "run_kind None"),
        (replace(OPEN_RUN, state="paused", resume_state="paused"), "resume_state 'paused'"),
        (replace(OPEN_RUN, state="paused", resume_state=None), "resume_state None"),
    ],
)
def test_a_word_that_no_runner_writes_is_damage(run: OpenRun, damage: str | None) -> None:
    assert find_damage(run) == damage


@pytest.mark.parametrize(
    ("run", "lease", "reason"),
    [
        (OPEN_RUN, LEASE, None),
        (OPEN_RUN, replace(LEASE, is_expired=True), "its runner desk-1 was last alive at 2026"),
        (
            OPEN_RUN,
            replace(LEASE, is_expired=True, crash_count=1),
            "its runner desk-1 was last alive at 2026-11-23 06:00:00 UTC: run `sqltune sync`",
        ),
        (
            OPEN_RUN,
            replace(LEASE, is_expired=True, crash_count=2),
            "its runner desk-1 was last alive at 2026-11-23 06:00:00 UTC: 3 in a row died with it, "
            "so the next sync or worker ends the run as failed (runner_died)",
        ),
        (OPEN_RUN, None, "no runner works on it since 2026-11-23 06:00:00 UTC"),
        (replace(OPEN_RUN, last_alive_at=None), None, "no runner works on it since never"),
        (replace(OPEN_RUN, adapter_name="gone"), None, "table adapters no longer has 'gone'"),
        (replace(OPEN_RUN, state="paused", desired_state="paused"), None, None),
        (replace(OPEN_RUN, state="paused"), None, "no runner works on it"),
    ],
)
def test_a_run_without_a_runner_says_why_it_is_stuck(
    run: OpenRun, lease: Lease | None, reason: str | None
) -> None:
    snapshot = Snapshot([run], {"office": lease} if lease else {}, ENABLED, set(), max_attempts=3)
    found = find_stuck_reason(run, snapshot)
    assert (found and found[: len(reason or "")]) == reason


# --- in the rows ---

BEGUN = (
    "INSERT INTO runs (run_id, adapter_name, state, run_kind, run_key, attempt_count)"
    " VALUES (1, 'office', 'training', 'train', 'key-1', 1)"
)


def reconcile(office: Office, *, later: timedelta = timedelta(0)) -> list[OpenRun]:
    now = office.runtime.now() + later
    return reconcile_rows(office.runtime.database, office.runtime.settings, now=now)


def read_run(office: Office) -> OpenRun:
    with office.runtime.database.read() as session:
        (run,) = requests.list_open_runs(session)
    return run


def record_waiting(office: Office, run: OpenRun) -> bool:
    with office.runtime.database.transaction() as session:
        return requests.show_waiting(
            session, run, next_step="a sync resumes it", stuck="no runner works on it"
        )


def shown(office: Office) -> tuple[Any, ...]:
    return office.rows("SELECT is_stuck, next_step FROM runs")[0]


def test_a_run_that_was_not_taken_up_since_is_marked(office: Office) -> None:
    office.do(BEGUN)
    assert record_waiting(office, read_run(office))
    assert shown(office) == (1, "a sync resumes it")


def test_a_run_that_was_taken_up_since_is_not_marked_as_stuck(office: Office) -> None:
    office.do(BEGUN)
    seen = read_run(office)
    with office.runtime.database.transaction() as session:
        runs.begin_run(session, 1, now=NOW)
    assert not record_waiting(office, seen)
    assert shown(office) == (0, None)


def test_a_run_that_ended_since_keeps_its_last_step(office: Office) -> None:
    office.do(BEGUN)
    seen = read_run(office)
    office.do("UPDATE runs SET state = 'succeeded', next_step = 'nothing: it is done'")
    assert not record_waiting(office, seen)
    assert shown(office) == (0, "nothing: it is done")


def test_a_damaged_run_fails_and_its_adapter_is_tried_again(office: Office) -> None:
    office.do(BEGUN, "INSERT INTO adapter_states (adapter_name) VALUES ('office')")
    office.do("UPDATE runs SET state = 'trainig'")
    reconcile(office)
    (row,) = office.rows("SELECT state, error_code, is_retryable, finished_at FROM runs")
    assert row[:3] == ("failed", "unreadable_run", 1)
    assert row[3] is not None
    assert office.rows("SELECT retry_at IS NOT NULL FROM adapter_states") == [(1,)]


def test_a_damaged_run_that_a_person_cancelled_is_cancelled_and_not_tried_again(
    office: Office,
) -> None:
    office.do(BEGUN, "INSERT INTO adapter_states (adapter_name) VALUES ('office')")
    office.do("UPDATE runs SET state = 'trainig', desired_state = 'cancelled'")
    reconcile(office)
    assert office.rows("SELECT state, error_code FROM runs") == [("cancelled", "unreadable_run")]
    assert office.rows("SELECT retry_at FROM adapter_states") == [(None,)]


def test_a_desired_state_that_is_no_word_of_ours_is_answered_by_an_event(office: Office) -> None:
    office.do(BEGUN, "UPDATE runs SET desired_state = 'stop'")
    reconcile(office)
    assert office.rows("SELECT desired_state FROM runs") == [("running",)]
    ((event, message),) = office.rows("SELECT event, message FROM run_events")
    assert event == "desired_state_refused"
    assert message.startswith("desired_state 'stop' is refused: it must be one of running")


def test_a_request_is_marked_as_waiting_only_after_a_while(office: Office) -> None:
    office.do("INSERT INTO runs (adapter_name) VALUES ('office')")
    reconcile(office)
    assert office.rows("SELECT next_step, stuck_reason FROM runs") == [
        ("a sync or worker takes it up", None)
    ]
    reconcile(office, later=timedelta(seconds=120))
    ((reason,),) = office.rows("SELECT stuck_reason FROM runs")
    assert reason.startswith("no runner has taken it up: run `sqltune sync`")


def test_a_request_to_move_an_alias_of_an_unknown_adapter_is_refused(office: Office) -> None:
    office.do("INSERT INTO alias_changes (adapter_name, version_number) VALUES ('ofice', 1)")
    reconcile(office)
    assert office.rows("SELECT state, reason FROM alias_changes") == [
        ("refused", "no adapter named 'ofice' in table adapters: did you mean 'office'?")
    ]
