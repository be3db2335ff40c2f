"""Leases on every engine: deaths are counted, and a time that no lease reaches has expired."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import text

from sqltune.database.connection import Database
from sqltune.database.tables import requests, states
from sqltune.database.tables.runs import RunEnd
from sqltune.records import Claim, RunState
from tests.unit.made_records import ADAPTER

NOW = datetime(2026, 11, 25, 6, 0)
FAR_MS = 4_102_444_800_000


def claim(database: Database, owner: str) -> Claim | None:
    return states.claim_adapter(database, "office", owner=owner, lease_seconds=60, now=NOW)


def end_lease_at(database: Database, until_ms: int) -> None:
    with database.transaction() as session:
        session.connection.execute(
            text("UPDATE adapter_states SET lease_until_ms = :until"), {"until": until_ms}
        )


def crash_count(database: Database) -> int:
    with database.read() as session:
        row = session.fetch_one("get_adapter_state", adapter_name="office")
    assert row is not None
    return int(row.crash_count)


def test_a_lease_that_nobody_released_counts_as_a_death_until_one_is_released(
    database: Database,
) -> None:
    for number in range(3):
        claimed = claim(database, f"dead-{number}")
        assert claimed is not None
        assert claimed.crash_count == number
        end_lease_at(database, 0)
    last = claim(database, "alive")
    assert last is not None
    assert last.crash_count == 3
    states.release_adapter(database, last)
    assert crash_count(database) == 0


def test_a_runner_that_lives_takes_its_death_back(database: Database) -> None:
    slow = claim(database, "slow")
    assert slow is not None
    end_lease_at(database, 0)
    claim(database, "another")
    assert crash_count(database) == 1
    states.release_adapter(database, slow)
    assert crash_count(database) == 0


def test_a_lease_in_the_far_future_can_be_claimed_and_one_of_usual_length_cannot(
    database: Database,
) -> None:
    claim(database, "first")
    assert claim(database, "second") is None
    end_lease_at(database, FAR_MS)
    with database.read() as session:
        assert states.list_leases(session, lease_seconds=60)["office"].is_expired
    assert claim(database, "second") is not None


def test_one_statement_answers_the_equal_requests_that_were_there(database: Database) -> None:
    with database.transaction() as session:
        for column, value in (("is_forced", "0"), ("is_forced", "1"), ("backend", "'scripted'")):
            session.connection.execute(
                text(f"INSERT INTO runs (adapter_name, {column}) VALUES ('office', {value})")
            )
    with database.read() as session:
        newest = requests.find_newest_request(session, "office")
        request = requests.find_request(session, "office")
    assert request is not None
    assert request.queued_at is not None
    until = requests.EqualRequests(newest, request.queued_at + timedelta(hours=1))
    end = RunEnd(RunState.SUCCEEDED, failure_count=None, next_step="nothing", version_number=1)
    with database.transaction() as session:
        assert requests.end_equal_requests(session, ADAPTER, end, until=until, now=NOW) == 2
        assert requests.find_newest_request(session, "office") > 0
    with database.read() as session:
        (left,) = requests.list_open_runs(session)
    assert left.count == 1
