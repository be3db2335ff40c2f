"""Carrying out a plan: the run's row, what interrupts a run, and what answers a request."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from sqltune.database.tables import requests, runs
from sqltune.errors import (
    BackendUnavailable,
    DatabaseUnavailable,
    DataError,
    LeaseLost,
    PipelineError,
    RunCancelled,
    RunInterrupted,
    RunPaused,
)
from sqltune.planning.plan import AdapterPlan, Disabled, Plan, Refuse, Resume, Train
from sqltune.planning.wanted import find_wanted
from sqltune.records import RunRequest, RunState, SyncDecision
from sqltune.run.work import Work
from sqltune.syncing import executing
from sqltune.syncing.due import read_declared
from sqltune.syncing.executing import execute
from sqltune.syncing.lease import AdapterLease
from tests.unit.office import Office, states


@pytest.fixture
def lease(office: Office) -> Iterator[AdapterLease]:
    """The lease of an adapter that was never synced."""
    with office.lease() as lease:
        yield lease


def planned(office: Office, plan: Plan | None = None, **options: Any) -> AdapterPlan:
    adapter = read_declared(office.runtime)["office"]
    if plan is None:
        wanted = find_wanted(office.runtime, adapter, lambda: None)
        plan = Train("never trained", wanted)
    return AdapterPlan(adapter, plan, **options)


def request_of(office: Office) -> RunRequest:
    """Insert a request as a person does, and return it as a runner reads it."""
    office.do("INSERT INTO runs (run_id, adapter_name) VALUES (1, 'office')")
    with office.runtime.database.read() as session:
        request = requests.find_request(session, "office")
    assert request is not None
    return request


@pytest.fixture
def carry_out_raises(monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception], None]:
    """Let the run raise an error in place of doing anything."""

    def arrange(error: Exception) -> None:
        def carry_out(work: Work) -> RunState:
            raise error

        monkeypatch.setattr(executing, "carry_out", carry_out)

    return arrange


def test_a_plan_to_train_becomes_a_run_with_its_events(office: Office, lease: AdapterLease) -> None:
    outcome = execute(lease, planned(office))
    assert outcome is not None
    assert (outcome.run_id, outcome.state) == (1, RunState.SUCCEEDED)
    events = [event for (event,) in office.rows("SELECT event FROM run_events")]
    assert events[0] == "begun"
    assert events[-1] == "succeeded"


@pytest.mark.parametrize(
    ("error", "state", "code"),
    [
        (BackendUnavailable("down"), "failed", "backend_unavailable"),
        (DataError("bad"), "failed", "data_error"),
        (OSError("disk"), "failed", "os_error"),
        (ZeroDivisionError("ours"), "failed", "internal_error"),
        (RunCancelled("a person cancelled this run"), "cancelled", "run_cancelled"),
        (RunPaused("a person paused this run"), "paused", None),
    ],
)
def test_an_error_of_the_run_becomes_its_state(
    office: Office,
    lease: AdapterLease,
    carry_out_raises: Callable[[Exception], None],
    error: Exception,
    state: str,
    code: str | None,
) -> None:
    carry_out_raises(error)
    outcome = execute(lease, planned(office))
    assert outcome is not None
    assert outcome.state == state
    assert states(office) == [(1, state, code)]


@pytest.mark.parametrize(
    "error", [RunInterrupted("asked to stop"), DatabaseUnavailable("connection refused")]
)
def test_what_ends_the_process_leaves_the_run_resumable(
    office: Office,
    lease: AdapterLease,
    carry_out_raises: Callable[[Exception], None],
    error: PipelineError,
) -> None:
    carry_out_raises(error)
    with pytest.raises(type(error)):
        execute(lease, planned(office))
    ((state, finished_at, step),) = office.rows("SELECT state, finished_at, next_step FROM runs")
    assert (state, finished_at) == ("queued", None)
    assert "last commit" in step


def test_a_lost_lease_ends_the_turn_and_changes_no_row(
    office: Office, lease: AdapterLease, carry_out_raises: Callable[[Exception], None]
) -> None:
    carry_out_raises(LeaseLost("another runner took over 'office'"))
    outcome = execute(lease, planned(office))
    assert outcome is not None
    assert outcome.decision is SyncDecision.BUSY
    assert office.rows("SELECT state, finished_at FROM runs") == [("queued", None)]


def test_a_desired_state_that_was_written_before_the_run_began_keeps_it_from_the_backend(
    office: Office, lease: AdapterLease, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = request_of(office)
    plan = planned(office, request=request)
    adopt = requests.adopt_run

    def adopt_and_pause(session: Any, run_id: int, row: Any, *, now: Any) -> bool:
        is_adopted = adopt(session, run_id, row, now=now)
        session.connection.exec_driver_sql("UPDATE runs SET desired_state = 'paused'")
        return is_adopted

    monkeypatch.setattr(requests, "adopt_run", adopt_and_pause)
    outcome = execute(lease, plan)
    assert outcome is not None
    assert outcome.state is RunState.PAUSED
    assert office.rows("SELECT COUNT(*) FROM responses") == [(0,)]


@pytest.mark.parametrize("withdrawn", ["'cancelled'", "'paused'"])
def test_a_request_that_was_withdrawn_in_the_meantime_begins_nothing(
    office: Office, lease: AdapterLease, withdrawn: str
) -> None:
    plan = planned(office, request=request_of(office))
    office.do(f"UPDATE runs SET desired_state = {withdrawn}")
    assert execute(lease, plan) is None
    assert states(office) == [(1, "queued", None)]


def test_a_refused_request_that_was_withdrawn_in_the_meantime_is_not_recorded(
    office: Office, lease: AdapterLease
) -> None:
    plan = planned(office, Refuse(DataError("bad")), request=request_of(office))
    office.do("DELETE FROM runs")
    assert execute(lease, plan) is None
    assert states(office) == []


def test_a_refusal_is_a_failed_run_in_one_transaction(office: Office, lease: AdapterLease) -> None:
    outcome = execute(lease, planned(office, Refuse(DataError("bad rows", code="bad_rows"))))
    assert outcome is not None
    assert (outcome.decision, outcome.error_message) == (SyncDecision.REFUSED, "bad rows")
    assert states(office) == [(1, "failed", "bad_rows")]
    assert office.rows("SELECT fingerprint, before_version FROM runs") == [(None, None)]


def test_a_request_for_a_disabled_adapter_is_refused(office: Office, lease: AdapterLease) -> None:
    outcome = execute(lease, planned(office, Disabled(), request=request_of(office)))
    assert outcome is not None
    assert (outcome.state, outcome.is_new) == (RunState.FAILED, True)
    assert states(office) == [(1, "failed", "adapter_disabled")]


def test_a_resumed_run_continues_with_the_row_that_it_began_with(
    office: Office, lease: AdapterLease, carry_out_raises: Callable[[Exception], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    carry_out_raises(RunInterrupted("asked to stop"))
    with pytest.raises(RunInterrupted):
        execute(lease, planned(office))
    office.do("UPDATE adapters SET epochs = 9")
    epochs = []

    def carry_out(work: Work) -> RunState:
        epochs.append(work.adapter.epochs)
        return RunState.SUCCEEDED

    monkeypatch.setattr(executing, "carry_out", carry_out)
    with office.runtime.database.read() as session:
        run = runs.find_unfinished_run(session, "office")
    assert run is not None
    execute(lease, planned(office, Resume("run 1 stopped while queued", run)))
    assert epochs == [3]
    assert office.rows("SELECT attempt_count FROM runs") == [(2,)]


def test_a_run_begins_after_the_adapters_last_one_even_if_the_clock_was_set_back(
    office: Office,
) -> None:
    office.sync()
    ahead = office.runtime.now() + timedelta(days=1)
    office.do(f"UPDATE runs SET started_at = '{ahead:%Y-%m-%d %H:%M:%S.%f}'")
    office.sync(force=True)
    first, second = office.rows("SELECT started_at FROM runs ORDER BY run_id")
    assert first[0] < second[0]


def test_the_keeper_reads_no_desired_state_once_the_run_has_ended(
    office: Office, lease: AdapterLease
) -> None:
    execute(lease, planned(office))
    office.do("UPDATE runs SET desired_state = 'cancelled'")
    lease.keeper._renew()
    lease.keeper.check()
    assert states(office) == [(1, "succeeded", None)]


def test_two_runners_never_adopt_the_same_request(office: Office, lease: AdapterLease) -> None:
    plan = planned(office, request=request_of(office))
    results: list[Any] = []
    threads = [
        threading.Thread(target=lambda: results.append(execute(lease, plan))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [result is None for result in results].count(True) == 1
    assert len(states(office)) == 1
