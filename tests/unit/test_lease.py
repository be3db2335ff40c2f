"""A lease is kept while its runner lives, and its runner hears when it must not go on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from sqltune.database.connection import Database
from sqltune.database.tables import states
from sqltune.errors import LeaseLost, RunCancelled, RunInterrupted
from sqltune.records import Claim
from sqltune.syncing.lease_keeper import LeaseKeeper
from tests.databases import copy_sqlite
from tests.end_to_end.command import await_condition

NOW = datetime(2026, 11, 23, 6, 0)


@pytest.fixture
def database(sqlite_template: Path, tmp_path: Path) -> Iterator[Database]:
    """A migrated SQLite database."""
    opened = Database.open(copy_sqlite(sqlite_template, tmp_path))
    yield opened
    opened.close()


@pytest.fixture
def claim(database: Database) -> Claim:
    """A lease that this process holds."""
    held = states.claim_adapter(database, "office", owner="me", lease_seconds=60, now=NOW)
    assert held is not None
    return held


def keep(
    database: Database,
    claim: Claim,
    *,
    lease_seconds: float = 60,
    stop: threading.Event | None = None,
) -> LeaseKeeper:
    return LeaseKeeper(
        database,
        claim,
        lease_seconds=lease_seconds,
        now=lambda: NOW,
        stop=stop or threading.Event(),
    )


def write(database: Database, statement: str) -> None:
    with database.transaction() as session:
        session.connection.execute(text(statement))


def await_raise(keeper: LeaseKeeper) -> None:
    """Check again and again until the check raises."""
    await_condition(lambda: keeper.check() is not None, "an error from the check")


def await_beat(database: Database) -> None:
    """Let the lease end, and wait until it is prolonged."""
    write(database, "UPDATE adapter_states SET lease_until_ms = 0")

    def is_prolonged() -> bool:
        with database.read() as session:
            return not states.list_leases(session, lease_seconds=60)["office"].is_expired

    await_condition(is_prolonged, "a beat that prolongs the lease")


def test_the_beat_prolongs_the_lease_and_the_work_continues(
    database: Database, claim: Claim
) -> None:
    with keep(database, claim, lease_seconds=0.3) as keeper:
        await_beat(database)
        keeper.check()


def test_a_request_to_stop_interrupts_the_run(database: Database, claim: Claim) -> None:
    stop = threading.Event()
    with keep(database, claim, stop=stop) as keeper:
        stop.set()
        with pytest.raises(RunInterrupted):
            keeper.check()


def test_a_lease_that_another_took_is_noticed_at_the_next_beat(
    database: Database, claim: Claim
) -> None:
    with keep(database, claim, lease_seconds=0.1) as keeper:
        write(database, "UPDATE adapter_states SET lease_owner = 'other', attempt = attempt + 1")
        with pytest.raises(LeaseLost):
            await_raise(keeper)


def test_a_cancelling_row_is_noticed_at_the_next_beat(database: Database, claim: Claim) -> None:
    write(
        database, "INSERT INTO runs (run_id, adapter_name, state) VALUES (1, 'office', 'training')"
    )
    with keep(database, claim, lease_seconds=0.1) as keeper:
        keeper.watch(1)
        keeper.check()
        write(database, "UPDATE runs SET desired_state = 'cancelled'")
        with pytest.raises(RunCancelled):
            await_raise(keeper)


def test_a_run_that_was_cancelled_before_is_noticed_at_once(
    database: Database, claim: Claim
) -> None:
    write(
        database,
        "INSERT INTO runs (run_id, adapter_name, state, desired_state)"
        " VALUES (1, 'office', 'training', 'cancelled')",
    )
    with keep(database, claim) as keeper:
        keeper.watch(1)
        with pytest.raises(RunCancelled):
            keeper.check()


def test_a_database_that_misses_one_heartbeat_is_no_lost_lease(
    database: Database, claim: Claim, caplog: pytest.LogCaptureFixture
) -> None:
    write(database, "ALTER TABLE adapter_states RENAME TO away")
    with keep(database, claim, lease_seconds=0.3) as keeper:
        await_condition(
            lambda: "lease_renewal_failed" in [getattr(r, "event", "") for r in caplog.records],
            "a beat that fails",
        )
        keeper.check()
        write(database, "ALTER TABLE away RENAME TO adapter_states")
        await_beat(database)
        keeper.check()


def test_only_one_of_two_claims_is_given(database: Database, claim: Claim) -> None:
    again = states.claim_adapter(database, "office", owner="you", lease_seconds=60, now=NOW)
    assert again is None
    states.release_adapter(database, claim)
    later = states.claim_adapter(database, "office", owner="you", lease_seconds=60, now=NOW)
    assert later == Claim("office", "you", claim.attempt + 1)
