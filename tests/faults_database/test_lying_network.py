"""Between runner and database: nothing that a network does makes a run lose or repeat a thing."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event

from sqltune.database.connection import Database
from sqltune.database.sockets import limit_silence
from tests.faults_database.conftest import Office, Rows
from tests.lying_network import Lies, LyingNetwork

#: How a COMMIT stands in what pymysql sends.
COMMIT = b"\x03COMMIT"
PARTS = 24

pytestmark = pytest.mark.faults


def measure(office: Office, network: LyingNetwork, url: str) -> Lies:
    """Sync once undisturbed, and give what went through the network."""
    network.lies = told = Lies(marker=COMMIT)
    office.sync(url)
    network.lies = Lies()
    return told


def begin_anew(office: Office) -> None:
    """Leave nothing of earlier runs but what people wrote."""
    tables = "runs run_events run_prompts responses scores training_metrics manifests contents"
    tables += " manifest_samples adapter_versions gate_decisions aliases alias_history"
    tables += " backend_calls data_issues data_issue_counts adapter_states"
    for table in tables.split():
        office.do(f"TRUNCATE TABLE {table}")


def test_a_slow_network_changes_nothing(
    office: Office, network: LyingNetwork, over_network: str, undisturbed: Rows
) -> None:
    network.lies = Lies(delay_seconds=0.002)
    office.sync(over_network)
    assert office.results() == undisturbed


def test_no_commit_whose_reply_is_lost_is_lost_or_done_twice(
    office: Office, network: LyingNetwork, over_network: str, undisturbed: Rows
) -> None:
    commits = measure(office, network, over_network).markers
    assert commits > 15, "a run that commits so seldom is not the one that is meant"
    for number in range(1, commits + 1):
        begin_anew(office)
        network.lies = Lies(marker=COMMIT, lose_reply_to=number)
        office.sync(over_network)
        assert office.results() == undisturbed, f"after the loss of the reply to COMMIT {number}"


@pytest.mark.parametrize("way", ["sent", "received"])
def test_a_connection_that_breaks_anywhere_is_made_again_and_the_run_goes_on(
    office: Office, network: LyingNetwork, over_network: str, undisturbed: Rows, way: str
) -> None:
    told = measure(office, network, over_network)
    limit = f"cut_after_{way}"
    for part in range(1, PARTS):
        begin_anew(office)
        network.lies = lies = Lies()
        setattr(lies, limit, getattr(told, way) * part // PARTS)

        def let_go(database: Database, lies: Lies = lies) -> None:
            @event.listens_for(database.engine, "handle_error")
            def broken(_context: object) -> None:
                setattr(lies, limit, None)  # it breaks once

        office.sync_badly(over_network, prepare=let_go)
        network.lies = Lies()
        office.expire_leases()
        office.sync(over_network)
        assert office.results() == undisturbed, f"after a break at {part} of {PARTS}"


def test_a_network_that_stays_away_ends_the_sync_and_the_next_one_completes(
    office: Office, network: LyingNetwork, over_network: str, truth: str, undisturbed: Rows,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("sqltune.syncing.lease._WAITS_SECONDS", (0.0, 0.0))
    told = measure(office, network, over_network)
    begin_anew(office)
    network.lies = Lies(cut_after_sent=told.sent // 2)
    office.sync_badly(over_network)
    assert office.value("SELECT COUNT(*) FROM runs WHERE finished_at IS NULL") == 1
    office.expire_leases()
    office.sync(truth)
    assert office.results() == undisturbed


def test_a_connection_that_stays_open_and_says_nothing_is_given_up(
    office: Office, network: LyingNetwork, over_network: str, undisturbed: Rows
) -> None:
    commits = 0

    def listen_briefly(database: Database) -> None:
        @event.listens_for(database.engine, "connect")
        def connected(connection: Any, _record: object) -> None:
            limit_silence(connection, 0.5)
            # The server does not hear that nobody is there any more, and holds his locks till then.
            connection.query("SET SESSION idle_write_transaction_timeout = 1")

        @event.listens_for(database.engine, "commit")
        def committing(_connection: object) -> None:
            nonlocal commits
            commits += 1
            if commits == 8:
                network.fall_silent()

        database.engine.dispose()

    office.sync(over_network, prepare=listen_briefly)
    assert commits > 8
    assert office.results() == undisturbed
