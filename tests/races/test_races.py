"""Ten processes on fifty adapters, killed and frozen at random: each adapter is trained once."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.end_to_end.command import People, Sqltune, await_condition
from tests.galera import Cluster
from tests.races.conftest import NAME
from tests.races.disturbing import LEASE_SECONDS, Disturbance, Place
from tests.races.outcome import assert_done_once

pytestmark = [pytest.mark.races, pytest.mark.timeout(600)]

ADAPTERS = [f"adapter-{number:02}" for number in range(50)]
#: The adapters that get their run by an INSERT INTO runs.
ASKED_FOR = ADAPTERS[::2]
SAMPLES = 2
#: Fewer and the processes were not really disturbed.
LEAST_KILLS = LEAST_STALLS = 15
VERSIONS = "SELECT run_id, adapter_name FROM adapter_versions"
#: Decides which process is killed or frozen, and the order of the adapters in a sync.
SEED = int(os.environ.get("RACE_SEED", "20261123"))


@pytest.fixture
def fast_sqltune(tmp_path: Path) -> Iterator[Callable[[str], Sqltune]]:
    """Open the command over an address, with leases so short that a stalled process loses them."""
    made: list[Sqltune] = []

    def make(url: str) -> Sqltune:
        command = Sqltune(tmp_path, url)
        command.environment["SQLTUNE_LEASE_SECONDS"] = str(LEASE_SECONDS)
        # The same adapter may be hit more often than a run has attempts.
        command.environment["SQLTUNE_MAX_ATTEMPTS"] = "1000"
        command.play(steps_per_epoch=3, step_delay_seconds=0.03, answer_delay_seconds=0.02)
        made.append(command)
        return command

    yield make
    for command in made:
        command.close()


@pytest.fixture
def open_people() -> Iterator[Callable[[str], People]]:
    """Open the people who write and read the rows at an address."""
    made: list[People] = []

    def make(url: str) -> People:
        made.append(People(url))
        return made[-1]

    yield make
    for people in made:
        people.close()


def declare_all(people: People) -> None:
    """Declare the adapters with samples and prompts of their own; for a worker, every other one is
    due at once.
    """
    texts = [
        (name, f"What is {number} of {name}?", f"{name} has {number}.")
        for name in ADAPTERS
        for number in range(SAMPLES)
    ]
    people.insert_many(
        "training_samples", [{"dataset": d, "prompt": p, "response": r} for d, p, r in texts]
    )
    people.insert_many(
        "eval_prompts", [{"dataset": d, "prompt": p, "expected": r} for d, p, r in texts]
    )
    columns = {"base_model": "toy", "backend": "scripted", "epochs": 2}
    every = {name: None if name in ASKED_FOR else "1h" for name in ADAPTERS}
    people.insert_many(
        "adapters", [{"adapter_name": n, "sync_every": every[n], **columns} for n in ADAPTERS]
    )


def ask_for_runs(connections: Sequence[People]) -> list[tuple[int, str]]:
    """Insert requests, alternating between the addresses, and return their ids and adapters."""
    for number, people in enumerate(connections):
        people.insert_many(
            "runs", [{"adapter_name": name} for name in ASKED_FOR[number :: len(connections)]]
        )
    return sorted(connections[0].rows("SELECT run_id, adapter_name FROM runs"))


def places(seed: int) -> list[Place]:
    """Return eight places for `sync` and two for `worker`; every other sync takes the adapters in
    an order of its own.
    """
    generator = random.Random(seed)

    def shuffled() -> Sequence[str]:
        return ["sync", *generator.sample(ADAPTERS, len(ADAPTERS))]

    syncs = [
        Place(shuffled if number % 2 else lambda: ["sync"], is_lasting=False) for number in range(8)
    ]
    workers = [
        Place(lambda: ["worker", "--poll-seconds", "0.2"], is_lasting=True) for _number in range(2)
    ]
    return syncs + workers


def ended_runs(people: People) -> int:
    return people.count("runs", "state IN ('succeeded', 'rejected', 'failed', 'cancelled')")


def sync_until_done(sqltune: Sqltune, people: People, address: str) -> None:
    """Sync undisturbed until nothing is left to do; leases of killed processes end first."""

    def is_done() -> bool:
        sqltune.well("sync", SQLTUNE_DATABASE_URL=address)
        return (
            people.count("adapter_versions") >= len(ADAPTERS)
            and people.count("runs", "finished_at IS NULL") == 0
            and people.count("adapter_states", "lease_owner IS NOT NULL") == 0
        )

    await_condition(is_done, "the end of all runs")


def assert_ended_clearly(disturbance: Disturbance) -> None:
    """Assert that a process that was not killed did its work or reported why it could not."""
    for done in disturbance.ended:
        assert "Traceback" not in done.err, done.err
        # The last ones may be asked to end while they are still starting.
        is_well = done.code in (0, -signal.SIGTERM)
        assert is_well or "the database is not available" in done.err, done.err


def race(
    sqltune: Sqltune,
    connections: Sequence[People],
    addresses: Callable[[], Sequence[str]],
    at_half: Callable[[], object] = lambda: None,
) -> None:
    """Let ten processes compete for the adapters until each is done, and check what is left."""
    people = connections[0]
    declare_all(people)
    asked = ask_for_runs(connections)
    disturbance = Disturbance(sqltune, addresses, places(SEED), SEED)
    half = iter([at_half])

    def is_over() -> bool:
        ended = ended_runs(people)
        if ended >= len(ADAPTERS) // 2:
            next(half, lambda: None)()
        return ended >= len(ADAPTERS)

    disturbance.run(lambda: people.count("run_events"), is_over)
    disturbance.calm_down()
    assert_ended_clearly(disturbance)
    sync_until_done(sqltune, people, addresses()[0])
    assert_done_once(people, sqltune.folder, ADAPTERS, SAMPLES)
    assert [one for one in asked if one not in people.rows(VERSIONS)] == []
    assert disturbance.kills >= LEAST_KILLS
    assert disturbance.stalls >= LEAST_STALLS


@pytest.mark.parametrize("database_engine", ["sqlite", "mariadb-pymysql"], indirect=True)
def test_killed_and_frozen_processes_train_each_adapter_exactly_once(
    database_url: str,
    fast_sqltune: Callable[[str], Sqltune],
    open_people: Callable[[str], People],
) -> None:
    race(fast_sqltune(database_url), [open_people(database_url)], lambda: [database_url])


@pytest.mark.cluster
def test_each_adapter_is_trained_exactly_once_on_a_cluster_that_loses_a_node(
    cluster: Cluster,
    fast_sqltune: Callable[[str], Sqltune],
    open_people: Callable[[str], People],
) -> None:
    first, second, last = cluster.nodes
    people = open_people(first.url(NAME))
    race(
        fast_sqltune(first.url(NAME)),
        [people, open_people(second.url(NAME))],
        lambda: [node.url(NAME) for node in cluster.living],
        at_half=last.kill,
    )
    expected = people.dump()
    cluster.start()
    assert open_people(last.url(NAME)).dump() == expected
