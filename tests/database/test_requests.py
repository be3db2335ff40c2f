"""Rows of `runs` that people write, against runners that work at the same moment."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, text

from sqltune.database.connection import Database
from sqltune.database.tables import requests, runs
from sqltune.records import DesiredState, OpenRun, RunKind, RunState
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
END = requests.Settlement(RunState.CANCELLED, next_step="nothing")


def do(database: Database, statement: str) -> None:
    """What a person does."""
    with database.transaction() as session:
        session.connection.execute(text(statement))


def row(database: Database, columns: str) -> tuple[Any, ...]:
    with database.read() as session:
        return tuple(session.connection.execute(text(f"SELECT {columns} FROM runs")).one())


@pytest.fixture
def request_row(database: Database) -> OpenRun:
    """A request that waits."""
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


def settle(database: Database, request: OpenRun) -> bool:
    with database.transaction() as session:
        return requests.settle_request(session, request.run_id, END, now=NOW)


def test_a_request_is_adopted_once(database: Database, request_row: OpenRun) -> None:
    assert request_row.is_request
    assert adopt(database, request_row)
    assert not adopt(database, request_row)
    assert not settle(database, request_row), "a run that was begun is no request any more"
    assert row(database, "run_key, state, attempt_count") == ("key", "queued", 1)


@pytest.mark.parametrize("wish", [DesiredState.CANCELLED, DesiredState.PAUSED])
def test_a_request_that_is_withdrawn_or_held_is_not_adopted(
    database: Database, request_row: OpenRun, wish: DesiredState
) -> None:
    do(database, f"UPDATE runs SET desired_state = '{wish.value}'")
    assert not adopt(database, request_row)
    assert row(database, "state, run_key, attempt_count") == ("queued", None, 0)


def test_a_request_that_was_settled_is_not_adopted_and_not_settled_again(
    database: Database, request_row: OpenRun
) -> None:
    assert settle(database, request_row)
    assert not settle(database, request_row)
    assert not adopt(database, request_row)


def test_the_persons_own_words_outlive_a_refusal(database: Database, request_row: OpenRun) -> None:
    do(database, "UPDATE runs SET trigger_reason = 'for Monday', adapter_name = 'ofice'")
    reconcile_rows(database, now=NOW, patience_seconds=60)
    assert row(database, "state, trigger_reason, error_code") == (
        "failed",
        "for Monday",
        "unknown_adapter",
    )


def test_what_is_said_of_a_run_that_waits_does_not_overtake_the_runner_that_takes_it_up(
    database: Database, request_row: OpenRun
) -> None:
    assert adopt(database, request_row)
    with database.transaction() as session:
        assert not requests.show_waiting(
            session, request_row, next_step="waits", stuck="nobody takes it up"
        )
    assert row(database, "is_stuck, stuck_reason, next_step") == (0, None, "preparing")


def test_a_request_waits_in_silence_for_a_while_and_then_says_so(
    database: Database, request_row: OpenRun
) -> None:
    asked_at = request_row.queued_at
    assert asked_at is not None
    reconcile_rows(database, now=asked_at + timedelta(seconds=59), patience_seconds=60)
    assert row(database, "is_stuck, next_step") == (0, "a sync or worker takes it up")
    reconcile_rows(database, now=asked_at + timedelta(seconds=61), patience_seconds=60)
    assert row(database, "is_stuck") == (1,)


def test_tending_twice_writes_once(database: Database, request_row: OpenRun) -> None:
    written: list[str] = []

    @event.listens_for(database.engine, "before_cursor_execute")
    def record(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        written.extend([statement] if statement.startswith(("INSERT", "UPDATE", "DELETE")) else [])

    reconcile_rows(database, now=NOW, patience_seconds=60)
    assert len(written) == 1
    reconcile_rows(database, now=NOW, patience_seconds=60)
    assert len(written) == 1


def test_a_word_that_the_person_corrected_meanwhile_is_left_alone(
    database: Database, request_row: OpenRun
) -> None:
    do(database, "UPDATE runs SET desired_state = 'paused'")
    with database.transaction() as session:
        assert not requests.set_desired_state(
            session, request_row.run_id, old="stop", new=DesiredState.RUNNING
        )
    assert row(database, "desired_state") == ("paused",)
