"""Between runner and service: nothing that a network or a dying server does changes the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.databases import copy_sqlite
from tests.faults.hooks import Hit
from tests.faults.networked_world import (
    CALLS,
    NetworkedWorld,
    count_calls,
    count_writes,
    declare_served,
)
from tests.faults.outcome import Outcome
from tests.faults.service_process import ServiceProcess, port_of
from tests.faults.service_runs import BEGINNINGS
from tests.faults.stages import SqliteStage
from tests.faults.worlds import KILLED, ForkServer, World, account_at
from tests.faulty_network import NetworkFaults, open_network
from tests.serving import ServerAtWork
from tests.singlestore_on_mariadb import open_database

pytestmark = pytest.mark.faults

PARTS = 12
#: Of the adapter, one epoch.
BATCHES = 2
#: Longer than any call to the tiny model takes, also on a busy machine.
SHORT_SECONDS = "2"
#: Where a server dies: in the second fine-tune of a run, at the moment ...
DEATHS = {
    "it is in the tables": Hit("begin", "after", 2),
    "half of it is trained": Hit("train", "after", 3),
    "its weights are stored": Hit("store", "after", 2),
    "it is done": Hit("settle", "after", 2),
}


@pytest.fixture(scope="module")
def serve_fork_server() -> Iterator[ForkServer]:
    """The process that forks servers."""
    process = ForkServer(
        "torch",
        "transformers",
        "peft",
        "sqltune.server.building",
        program="tests.faults.service_child",
    )
    yield process
    process.close()


@pytest.fixture(scope="module")
def process(
    serve_fork_server: ForkServer,
    tiny_model: Path,
    sqlite_template: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ServiceProcess]:
    """The server over the tiny base model, with a database of its own."""
    folder = tmp_path_factory.mktemp("service")
    url = copy_sqlite(sqlite_template, folder)
    database = open_database(url)
    process = ServiceProcess(serve_fork_server, database, url, folder, tiny_model)
    yield process
    process.close()
    database.close()


@pytest.fixture
def service(process: ServiceProcess) -> ServerAtWork:
    """The same, running."""
    return process.get_running()


@pytest.fixture
def networked(
    service: ServerAtWork, sqlite_template: Path, tmp_path: Path, service_fork_server: ForkServer
) -> Iterator[NetworkedWorld]:
    """The command, which asks one prompt at a time and tries again at once."""
    stage = SqliteStage(sqlite_template, tmp_path / "stage")
    with open_network(port_of(service)) as network:
        environment = account_at(service) | {
            "GRADIENT_API_URL": f"http://127.0.0.1:{network.port}/api",
            "SQLTUNE_RETRY_WAIT_SECONDS": "0",
        }
        world = World(stage, service_fork_server, **environment)
        environment["SQLTUNE_GRADIENT_TIMEOUT_SECONDS"] = SHORT_SECONDS
        impatient = World(stage, service_fork_server, **environment)
        with world.people() as people:
            declare_served(people)
        saved = world.stage.save(tmp_path / "saved")
        yield NetworkedWorld(world, impatient, service, network, saved)


def measure(networked: NetworkedWorld, first: Hit | None = None) -> tuple[Outcome, NetworkFaults]:
    """Sync undisturbed, and return the end and what went through the network."""
    networked.begin(first)
    counted = NetworkFaults()
    assert networked.sync(counted).code == 0
    return networked.read(), counted


@pytest.fixture(params=BEGINNINGS)
def beginning(request: pytest.FixtureRequest) -> str:
    """What there was before the sync that is disturbed."""
    return str(request.param)


def choose_calls(beginning: str, usual: Counter[str]) -> list[tuple[str, int]]:
    """Return the calls to disturb, with their numbers: all of a new run, and of one that is taken
    up those that are made because of it.
    """
    first, needed = BEGINNINGS[beginning]
    assert needed <= set(+usual)
    chosen = [call for call in CALLS if first is None or call in needed]
    return [(call, number) for call in chosen for number in range(1, usual[call] + 1)]


def writes_again(call: str, batches: int) -> Counter[str]:
    """Return the calls that must be made once more after one whose reply was lost, as far as
    they change anything: a created adapter is found by its name.

    Args:
        call: this one.
        batches: in the adapter then, if the call was a fine-tune.
    """
    if call == "fine_tune":
        return Counter(create_adapter=1, fine_tune=batches)
    return Counter()


def test_a_slow_network_changes_nothing(networked: NetworkedWorld) -> None:
    expected, counted = measure(networked)
    networked.begin(None)
    faults = NetworkFaults(delay_seconds=0.01)
    assert networked.sync(faults).code == 0
    assert networked.compare(expected) == []
    assert count_writes(faults) == count_writes(counted)


def test_no_call_whose_reply_is_lost_is_lost_or_done_twice(
    networked: NetworkedWorld, beginning: str
) -> None:
    first, _ = BEGINNINGS[beginning]
    expected, counted = measure(networked, first)
    usual = count_writes(counted)
    for call, number in choose_calls(beginning, count_calls(counted)):
        where = f"after the loss of the reply to {call} {number}"
        networked.begin(first)
        faults = NetworkFaults(marker=CALLS[call][1], lose_reply_to=number)
        assert networked.sync(faults).code == 0, where
        assert networked.compare(expected) == [], where
        again = writes_again(call, BATCHES - usual["fine_tune"] + number)
        assert count_writes(faults) == usual + again, where


@pytest.mark.parametrize("way", ["sent", "received"])
def test_a_connection_that_breaks_anywhere_is_made_again_and_the_same_sync_completes(
    networked: NetworkedWorld, way: str
) -> None:
    expected, counted = measure(networked)
    usual = count_writes(counted)
    calls = choose_calls("new", count_calls(counted))
    likely = [writes_again(call, number) for call, number in calls]
    # A creation that did not arrive is not found by its name.
    likely.append(Counter(create_adapter=1))
    for part in range(1, PARTS):
        where = f"after a break at {part} of {PARTS}"
        networked.begin(None)
        faults = cut(counted, way, part)
        faults.cuts_once = True
        assert networked.sync(faults).code == 0, where
        assert faults.cuts == 1, where
        assert networked.compare(expected) == [], where
        assert count_writes(faults) - usual in likely, where


@pytest.mark.parametrize("way", ["sent", "received"])
def test_a_network_that_stays_unavailable_ends_the_run_and_the_next_sync_completes(
    networked: NetworkedWorld, way: str
) -> None:
    expected, counted = measure(networked)
    networked.begin(None)
    assert networked.sync(cut(counted, way, PARTS // 2)).code == 1
    networked.sync_again()
    assert networked.compare(expected) == []


def test_a_connection_that_stays_open_and_brings_no_reply_is_given_up(
    networked: NetworkedWorld, beginning: str
) -> None:
    first, _ = BEGINNINGS[beginning]
    expected, counted = measure(networked, first)
    for call, number in choose_calls(beginning, count_calls(counted)):
        where = f"after silence instead of a reply to {call} {number}"
        networked.begin(first)
        faults = NetworkFaults(marker=CALLS[call][1], lose_reply_to=number, stays_open=True)
        networked.sync(faults, is_impatient=True)
        assert faults.markers >= number, where
        networked.sync_again()
        assert networked.compare(expected) == [], where


def test_a_connection_that_stays_open_and_swallows_a_request_is_given_up(
    networked: NetworkedWorld,
) -> None:
    expected, counted = measure(networked)
    for call, number in choose_calls("new", count_calls(counted)):
        where = f"after {call} {number} did not arrive"
        networked.begin(None)
        faults = NetworkFaults(marker=CALLS[call][1], swallow=number, stays_open=True)
        networked.sync(faults, is_impatient=True)
        assert faults.markers >= number, where
        networked.sync_again()
        assert networked.compare(expected) == [], where


@pytest.mark.parametrize("moment", ["half of it is trained", "its weights are stored"])
def test_a_server_that_is_killed_as_it_trains_ends_the_run_and_the_next_sync_completes(
    networked: NetworkedWorld, process: ServiceProcess, moment: str
) -> None:
    expected, _ = measure(networked)
    networked.begin(None)
    networked.network.move(port_of(process.start(DEATHS[moment])))
    assert networked.sync(NetworkFaults()).code == 1
    assert process.await_end() == KILLED
    networked.network.move(port_of(process.start()))
    networked.sync_again()
    assert networked.compare(expected) == []


@pytest.mark.parametrize("moment", DEATHS)
def test_a_server_that_is_killed_as_it_trains_and_starts_again_trains_a_second_adapter(
    networked: NetworkedWorld, process: ServiceProcess, moment: str
) -> None:
    expected, counted = measure(networked)
    networked.begin(None)
    networked.network.move(port_of(process.start(DEATHS[moment])))
    faults = NetworkFaults(awaits_server=True)
    with ThreadPoolExecutor(1) as thread:
        syncing = thread.submit(networked.sync, faults)
        assert process.await_end() == KILLED
        networked.network.move(port_of(process.start()))
        assert syncing.result().code == 0
    assert networked.compare(expected) == []
    assert count_writes(faults) == count_writes(counted) + writes_again("fine_tune", BATCHES)


def cut(counted: NetworkFaults, way: str, part: int) -> NetworkFaults:
    """Break the connection after a part of what an undisturbed sync sends or receives."""
    if way == "sent":
        return NetworkFaults(cut_after_sent=counted.sent * part // PARTS)
    return NetworkFaults(cut_after_received=counted.received * part // PARTS)
