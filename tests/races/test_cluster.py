"""Faults of a cluster that one server never has: stale nodes, conflicts at COMMIT, lost quorum."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from threading import Barrier

import pytest

from sqltune.database.connection import Database
from sqltune.database.tables.states import claim_adapter
from sqltune.errors import DatabaseUnavailable, LeaseLost
from sqltune.records import Claim
from tests.end_to_end.command import Sqltune, await_condition
from tests.galera import Cluster, Node
from tests.races.conftest import NAME
from tests.singlestore_on_mariadb import open_database

pytestmark = pytest.mark.cluster

NOW = datetime(2026, 11, 23, 6, 0)
#: Long enough to keep the one thread that applies them busy for a second or more.
MANY_ROWS = 300_000


@pytest.fixture
def databases(cluster: Cluster) -> Iterator[list[Database]]:
    """One database per node."""
    opened = [open_database(node.url(NAME)) for node in cluster.nodes]
    yield opened
    for database in opened:
        database.close()


def add_adapter(database: Database, adapter_name: str) -> None:
    with database.transaction() as session:
        session.execute("add_adapter_state", adapter_name=adapter_name)


def attempt_of(database: Database, adapter_name: str) -> int | None:
    with database.read() as session:
        row = session.fetch_one("get_adapter_state", adapter_name=adapter_name)
    return row.attempt if row is not None else None


def claim(
    database: Database, adapter_name: str, owner: str, lease_seconds: float = 60
) -> Claim | None:
    return claim_adapter(database, adapter_name, owner=owner, lease_seconds=lease_seconds, now=NOW)


@pytest.fixture
def overtaken_claim(cluster: Cluster, databases: list[Database]) -> Claim:
    """A claim on the first node that another one on the second has replaced, not yet replicated."""
    add_adapter(databases[0], "a")
    ours = claim(databases[0], "a", "stalled", lease_seconds=0)
    assert ours is not None
    assert attempt_of(databases[1], "a") == 1
    cluster.nodes[1].server.execute(
        "CREATE TABLE scratch (n BIGINT PRIMARY KEY, m BIGINT, KEY (m))",
        f"INSERT INTO scratch SELECT seq, seq * 7919 % {MANY_ROWS} FROM seq_1_to_{MANY_ROWS}",
        database=NAME,
    )
    assert claim(databases[1], "a", "awake") is not None
    return ours


def test_a_runner_that_was_overtaken_on_another_node_writes_nothing(
    databases: list[Database], overtaken_claim: Claim
) -> None:
    with (
        pytest.raises((DatabaseUnavailable, LeaseLost)),
        databases[0].transaction(overtaken_claim) as session,
    ):
        session.execute("add_adapter_state", adapter_name="written too late")
    assert attempt_of(databases[0], "written too late") is None


def test_what_one_node_committed_is_visible_at_once_on_every_other(
    databases: list[Database],
) -> None:
    for number in range(150):
        name = f"a{number}"
        add_adapter(databases[number % 3], name)
        assert attempt_of(databases[(number + 1) % 3], name) == 0


def test_a_claim_fails_on_a_node_that_has_not_yet_received_the_one_of_another_node(
    databases: list[Database], overtaken_claim: Claim
) -> None:
    assert claim(databases[0], "a", "third") is None
    assert attempt_of(databases[0], "a") == 2


def test_one_of_the_runners_that_claim_an_adapter_on_three_nodes_at_once_gets_it(
    databases: list[Database],
) -> None:
    barrier = Barrier(3)

    def contend(node: int, adapter_name: str) -> Claim | None:
        barrier.wait()
        return claim(databases[node], adapter_name, f"{adapter_name} of {node}")

    with ThreadPoolExecutor(3) as pool:
        for number in range(40):
            name = f"a{number}"
            add_adapter(databases[0], name)
            won = [c for c in pool.map(contend, range(3), [name] * 3) if c is not None]
            assert len(won) == 1
            assert attempt_of(databases[number % 3], name) == 1


def write_slowly(database: Database, *, meanwhile: Database) -> None:
    with database.transaction() as session:
        session.execute("set_current_run", adapter_name="a", run_id=1)
        with meanwhile.transaction() as other:
            other.execute("set_current_run", adapter_name="a", run_id=2)


def test_a_conflict_at_commit_is_reported_as_unavailable_and_leaves_nothing(
    databases: list[Database],
) -> None:
    add_adapter(databases[0], "a")
    with pytest.raises(DatabaseUnavailable, match="Deadlock"):
        write_slowly(databases[0], meanwhile=databases[1])
    with databases[0].read() as session:
        row = session.fetch_one("get_adapter_state", adapter_name="a")
    assert row is not None
    assert row.run_id == 2


@contextmanager
def cut_off(node: Node) -> Iterator[None]:
    """Cut a node off from the others until they outvote it, and let it return automatically."""

    def status(name: str) -> object:
        return node.server.execute(f"SHOW STATUS LIKE '{name}'")[0][1]

    with node.server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET GLOBAL wsrep_provider_options = 'gmcast.isolate=1'")
        try:
            yield
        finally:
            await_condition(lambda: status("wsrep_ready") == "OFF", "the lost quorum")
            cursor.execute("SET GLOBAL wsrep_provider_options = 'gmcast.isolate=0'")
            await_condition(
                lambda: status("wsrep_local_state_comment") == "Synced", "the node's return"
            )


def test_a_node_that_is_cut_off_is_reported_as_unavailable_and_is_used_again_on_its_return(
    cluster: Cluster,
    databases: list[Database],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    lonely = databases[2]
    assert attempt_of(lonely, "a") is None
    with cut_off(cluster.nodes[2]):
        # The first one waits until the other nodes are given up.
        for name in ("in the middle of a commit", "without quorum"):
            with pytest.raises(DatabaseUnavailable):
                add_adapter(lonely, name)
        with pytest.raises(DatabaseUnavailable):
            attempt_of(lonely, "a")
        sqltune = Sqltune(tmp_path, cluster.nodes[2].url(NAME))
        done = sqltune("sync")
        assert done.code == 1
        assert "the database is not available: WSREP has not yet prepared node" in done.err
        assert len(done.err.splitlines()) == 1
    assert attempt_of(lonely, "in the middle of a commit") is None
    add_adapter(lonely, "with all others")
    assert caplog.records == []
