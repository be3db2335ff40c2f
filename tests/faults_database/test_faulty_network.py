"""Between runner and database: nothing that a network does makes a run lose or repeat anything."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event

from sqltune.database.connection import Database
from sqltune.database.sockets import limit_silence
from tests.faults_database.conftest import Office, Rows
from tests.faulty_network import FaultyNetwork, NetworkFaults

#: A COMMIT as pymysql sends it.
COMMIT = b"\x03COMMIT"
PARTS = 24

pytestmark = pytest.mark.faults


def measure(office: Office, network: FaultyNetwork, url: str) -> NetworkFaults:
    """Sync once undisturbed, and return what went through the network."""
    network.faults = counted = NetworkFaults(marker=COMMIT)
    office.sync(url)
    network.faults = NetworkFaults()
    return counted


def begin_again(office: Office) -> None:
    """Remove all that earlier runs wrote."""
    tables = "runs run_events run_prompts responses scores training_metrics manifests contents"
    tables += " manifest_samples adapter_versions gate_decisions aliases alias_history"
    tables += " backend_calls data_issues data_issue_counts adapter_states"
    for table in tables.split():
        office.do(f"TRUNCATE TABLE {table}")


def test_a_slow_network_changes_nothing(
    office: Office, network: FaultyNetwork, over_network: str, undisturbed: Rows
) -> None:
    network.faults = NetworkFaults(delay_seconds=0.002)
    office.sync(over_network)
    assert office.results() == undisturbed


def test_no_commit_whose_reply_is_lost_is_lost_or_done_twice(
    office: Office, network: FaultyNetwork, over_network: str, undisturbed: Rows
) -> None:
    commits = measure(office, network, over_network).markers
    assert commits > 15, "a run that commits so seldom is not the one that is meant"
    for number in range(1, commits + 1):
        begin_again(office)
        network.faults = NetworkFaults(marker=COMMIT, lose_reply_to=number)
        office.sync(over_network)
        assert office.results() == undisturbed, f"after the loss of the reply to COMMIT {number}"


@pytest.mark.parametrize("way", ["sent", "received"])
def test_a_connection_that_breaks_anywhere_is_made_again_and_the_run_completes(
    office: Office, network: FaultyNetwork, over_network: str, undisturbed: Rows, way: str
) -> None:
    counted = measure(office, network, over_network)
    limit = f"cut_after_{way}"
    for part in range(1, PARTS):
        begin_again(office)
        network.faults = faults = NetworkFaults(cuts_once=True)
        setattr(faults, limit, getattr(counted, way) * part // PARTS)
        office.sync_badly(over_network)
        network.faults = NetworkFaults()
        office.expire_leases()
        office.sync(over_network)
        assert office.results() == undisturbed, f"after a break at {part} of {PARTS}"


def test_a_network_that_stays_unavailable_ends_the_sync_and_the_next_one_completes(
    office: Office,
    network: FaultyNetwork,
    over_network: str,
    mariadb_url: str,
    undisturbed: Rows,
) -> None:
    counted = measure(office, network, over_network)
    begin_again(office)
    network.faults = NetworkFaults(cut_after_sent=counted.sent // 2)
    office.sync_badly(over_network, pauses_seconds=(0.0, 0.0))
    assert office.value("SELECT COUNT(*) FROM runs WHERE finished_at IS NULL") == 1
    office.expire_leases()
    office.sync(mariadb_url)
    assert office.results() == undisturbed


def test_a_connection_that_stays_open_and_says_nothing_is_given_up(
    office: Office, network: FaultyNetwork, over_network: str, undisturbed: Rows
) -> None:
    commits = 0

    def listen_briefly(database: Database) -> None:
        @event.listens_for(database.engine, "connect")
        def connected(connection: Any, _record: object) -> None:
            limit_silence(connection, 0.5)
            # Until then the server keeps the locks of a client that it still believes to be there.
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
