"""Requests in `runs`, against runners that act at the same moment."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, text

from sqltune.database.connection import Database
from sqltune.database.tables import requests, runs
from sqltune.records import DesiredState, OpenRun, RunKind, RunState
from sqltune.settings import Settings
from sqltune.syncing.reconcile import reconcile_rows

NOW = datetime(2026, 11, 25, 6, 0)
NEW = runs.NewRun(
    adapter_name="office",
    run_key="key",
    run_kind=RunKind.TRAIN,
    trigger_reason="asked",
    backend="scripted",
    is_simulated=True,
    base_model="toy",
    base_model_revision=None,
    fingerprint="1-a",
    eval_fingerprint="1-b",
    training_key="T",
    evaluation_key="E",
    version_number=None,
    before_version=None,
    settings={},
    failure_count=0,
    next_step="preparing",
)
END = runs.RunEnd(RunState.CANCELLED, failure_count=None, next_step="nothing")


def do(database: Database, statement: str) -> None:
    """Run one statement, as a person does."""
    with database.transaction() as session:
        session.connection.execute(text(statement))


def row(database: Database, columns: str) -> tuple[Any, ...]:
    with database.read() as session:
        return tuple(session.connection.execute(text(f"SELECT {columns} FROM runs")).one())


@pytest.fixture
def request_row(database: Database) -> OpenRun:
    """A waiting request."""
    do(database, "INSERT INTO adapters (adapter_name, base_model) VALUES ('office', 'toy')")
    do(database, "INSERT INTO runs (adapter_name) VALUES ('office')")
    with database.read() as session:
        (found,) = requests.list_open_runs(session)
    return found


def adopt(database: Database, request: OpenRun) -> bool:
    with database.transaction() as session:
        if not requests.adopt_run(session, request.run_id, NEW, now=NOW):
            return False
        runs.begin_run(session, request.run_id, now=NOW)
        return True


def answer(database: Database, request: OpenRun) -> bool:
    with database.transaction() as session:
        return runs.end_request(session, request.run_id, END, now=NOW)


def test_a_request_is_adopted_once(database: Database, request_row: OpenRun) -> None:
    assert request_row.is_request
    assert adopt(database, request_row)
    assert not adopt(database, request_row)
    assert not answer(database, request_row), "a run that has begun is no longer a request"
    assert row(database, "run_key, state, attempt_count") == ("key", "queued", 1)


@pytest.mark.parametrize("desired", [DesiredState.CANCELLED, DesiredState.PAUSED])
def test_a_request_that_is_withdrawn_or_paused_is_not_adopted(
    database: Database, request_row: OpenRun, desired: DesiredState
) -> None:
    do(database, f"UPDATE runs SET desired_state = '{desired.value}'")
    assert not adopt(database, request_row)
    assert row(database, "state, run_key, attempt_count") == ("queued", None, 0)


def test_a_request_that_was_answered_is_not_adopted_and_not_answered_again(
    database: Database, request_row: OpenRun
) -> None:
    assert answer(database, request_row)
    assert not answer(database, request_row)
    assert not adopt(database, request_row)


def test_the_persons_own_words_outlive_a_refusal(database: Database, request_row: OpenRun) -> None:
    do(database, "UPDATE runs SET trigger_reason = 'for Monday', adapter_name = 'ofice'")
    reconcile_rows(database, Settings(), now=NOW)
    assert row(database, "state, trigger_reason, error_code") == (
        "failed",
        "for Monday",
        "unknown_adapter",
    )


def test_a_note_on_a_waiting_request_does_not_overwrite_what_its_runner_recorded(
    database: Database, request_row: OpenRun
) -> None:
    assert adopt(database, request_row)
    with database.transaction() as session:
        assert not requests.show_waiting(
            session, request_row, next_step="waits", stuck="no runner has taken it up"
        )
    assert row(database, "is_stuck, stuck_reason, next_step") == (0, None, "preparing")


def test_a_request_is_marked_as_stuck_only_after_a_while(
    database: Database, request_row: OpenRun
) -> None:
    queued_at = request_row.queued_at
    assert queued_at is not None
    reconcile_rows(database, Settings(), now=queued_at + timedelta(seconds=59))
    assert row(database, "is_stuck, next_step") == (0, "a sync or worker takes it up")
    reconcile_rows(database, Settings(), now=queued_at + timedelta(seconds=61))
    assert row(database, "is_stuck") == (1,)


def test_reconciling_twice_writes_once(database: Database, request_row: OpenRun) -> None:
    written: list[str] = []

    @event.listens_for(database.engine, "before_cursor_execute")
    def record(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        written.extend([statement] if statement.startswith(("INSERT", "UPDATE", "DELETE")) else [])

    reconcile_rows(database, Settings(), now=NOW)
    assert len(written) == 1
    reconcile_rows(database, Settings(), now=NOW)
    assert len(written) == 1


def test_a_desired_state_that_was_corrected_in_the_meantime_is_kept(
    database: Database, request_row: OpenRun
) -> None:
    do(database, "UPDATE runs SET desired_state = 'paused'")
    with database.transaction() as session:
        assert not requests.set_desired_state(
            session, request_row.run_id, old="stop", new=DesiredState.RUNNING
        )
    assert row(database, "desired_state") == ("paused",)
