"""Between runner and service: nothing that a network or a dying server does changes the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.databases import copy_sqlite
from tests.faults.far_worlds import CALLS, FarWorld, count_calls, declare_served
from tests.faults.hooks import Hit
from tests.faults.outcome import Outcome
from tests.faults.service_process import ServiceProcess, port_of
from tests.faults.stages import SqliteStage
from tests.faults.test_gradient import BEGINNINGS
from tests.faults.worlds import KILLED, Nursery, World
from tests.lying_network import Lies, open_network
from tests.serving import ServerAtWork
from tests.singlestore_on_mariadb import open_database

pytestmark = pytest.mark.faults

PARTS = 12
#: Of the adapter, one epoch.
BATCHES = 2
#: Longer than any call to the tiny model takes.
SHORT_SECONDS = "0.5"
#: Where a server dies: in the second fine-tune of a run, at the moment ...
DEATHS = {
    "it is in the tables": Hit("begin", "after", 2),
    "half of it is trained": Hit("train", "after", 3),
    "its weights are stored": Hit("store", "after", 2),
    "it is done": Hit("settle", "after", 2),
}


@pytest.fixture(scope="module")
def server_nursery() -> Iterator[Nursery]:
    """The process that forks servers."""
    process = Nursery(
        "torch",
        "transformers",
        "peft",
        "sqltune.server.building",
        program="tests.faults.mortal_service",
    )
    yield process
    process.close()


@pytest.fixture(scope="module")
def process(
    server_nursery: Nursery,
    tiny_model: Path,
    sqlite_template: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ServiceProcess]:
    """The server over the tiny base model, with a database of its own."""
    folder = tmp_path_factory.mktemp("service")
    url = copy_sqlite(sqlite_template, folder)
    database = open_database(url)
    process = ServiceProcess(server_nursery, database, url, folder, tiny_model)
    yield process
    process.close()
    database.close()


@pytest.fixture
def service(process: ServiceProcess) -> ServerAtWork:
    """The same, at work."""
    return process.at_work()


@pytest.fixture
def far(
    service: ServerAtWork, sqlite_template: Path, tmp_path: Path, service_nursery: Nursery
) -> Iterator[FarWorld]:
    """The command, which asks one prompt at a time and tries again at once."""
    stage = SqliteStage(sqlite_template, tmp_path / "stage")
    with open_network(port_of(service)) as network:
        environment = {
            "GRADIENT_API_URL": f"http://127.0.0.1:{network.port}/api",
            "GRADIENT_ACCESS_TOKEN": service.token,
            "GRADIENT_WORKSPACE_ID": service.workspace,
            "SQLTUNE_GRADIENT_SLOTS": "1",
            "SQLTUNE_RETRY_WAIT_SECONDS": "0",
        }
        world = World(stage, service_nursery, **environment)
        environment["SQLTUNE_GRADIENT_TIMEOUT_SECONDS"] = SHORT_SECONDS
        impatient = World(stage, service_nursery, **environment)
        with world.people() as people:
            declare_served(people)
        saved = world.stage.save(tmp_path / "saved")
        yield FarWorld(world, impatient, service, network, saved)


def measure(
    far: FarWorld, first: Hit | None = None, *, is_impatient: bool = False
) -> tuple[Outcome, Lies]:
    """Sync undisturbed; gives the end, and what went through the network."""
    far.begin(first)
    told = Lies()
    assert far.sync(told, is_impatient=is_impatient).code == 0
    return far.read(), told


@pytest.fixture(params=BEGINNINGS)
def beginning(request: pytest.FixtureRequest) -> str:
    """What there was before the sync that is disturbed."""
    return str(request.param)


def choose_calls(beginning: str, usual: Counter[str]) -> list[tuple[str, int]]:
    """Give the calls to disturb, with their numbers: all of a new run, and of one that is taken up
    those that are made because of it.
    """
    first, needed = BEGINNINGS[beginning]
    assert needed <= set(+usual)
    chosen = [call for call in CALLS if first is None or call in needed]
    return [(call, number) for call in chosen for number in range(1, usual[call] + 1)]


def calls_again(call: str, batches: int) -> Counter[str]:
    """Give the calls that are made once more after one whose reply was lost.

    Args:
        call: this one.
        batches: in the adapter then, if the call was a fine-tune.
    """
    if call == "create_adapter":
        return Counter(list_models=1)
    if call == "fine_tune":
        return Counter(create_adapter=1, delete_adapter=1, fine_tune=batches)
    return Counter({call: 1})


def test_a_slow_network_changes_nothing(far: FarWorld) -> None:
    expected, told = measure(far)
    far.begin(None)
    lies = Lies(delay_seconds=0.01)
    assert far.sync(lies).code == 0
    assert far.compare(expected) == []
    assert count_calls(lies) == count_calls(told)


def test_no_call_whose_reply_is_lost_is_lost_or_done_twice(far: FarWorld, beginning: str) -> None:
    first, _ = BEGINNINGS[beginning]
    expected, told = measure(far, first)
    usual = count_calls(told)
    for call, number in choose_calls(beginning, usual):
        where = f"after the loss of the reply to {call} {number}"
        far.begin(first)
        lies = Lies(marker=CALLS[call][1], lose_reply_to=number)
        assert far.sync(lies).code == 0, where
        assert far.compare(expected) == [], where
        again = calls_again(call, BATCHES - usual["fine_tune"] + number)
        assert count_calls(lies) == usual + again, where


@pytest.mark.parametrize("way", ["sent", "received"])
def test_a_connection_that_breaks_anywhere_is_made_again_and_the_same_sync_goes_on(
    far: FarWorld, way: str
) -> None:
    expected, told = measure(far)
    usual = count_calls(told)
    likely = [calls_again(call, number) for call, number in choose_calls("new", usual)]
    # A creation that did not arrive is looked for in vain.
    likely.append(Counter(list_models=1, create_adapter=1))
    for part in range(1, PARTS):
        where = f"after a break at {part} of {PARTS}"
        far.begin(None)
        lies = cut(told, way, part)
        lies.breaks_once = True
        assert far.sync(lies).code == 0, where
        assert lies.cuts == 1, where
        assert far.compare(expected) == [], where
        assert count_calls(lies) - usual in likely, where


@pytest.mark.parametrize("way", ["sent", "received"])
def test_a_network_that_stays_away_ends_the_run_and_the_next_sync_completes(
    far: FarWorld, way: str
) -> None:
    expected, told = measure(far)
    far.begin(None)
    assert far.sync(cut(told, way, PARTS // 2)).code == 1
    far.sync_on()
    assert far.compare(expected) == []


def test_a_connection_that_stays_open_and_brings_no_reply_is_given_up(
    far: FarWorld, beginning: str
) -> None:
    first, _ = BEGINNINGS[beginning]
    expected, told = measure(far, first, is_impatient=True)
    for call, number in choose_calls(beginning, count_calls(told)):
        far.begin(first)
        lies = Lies(marker=CALLS[call][1], lose_reply_to=number, stays_open=True)
        far.sync(lies, is_impatient=True)
        far.sync_on()
        assert far.compare(expected) == [], f"after silence instead of a reply to {call} {number}"


def test_a_connection_that_stays_open_and_swallows_a_request_is_given_up(far: FarWorld) -> None:
    expected, told = measure(far, is_impatient=True)
    for call, number in choose_calls("new", count_calls(told)):
        far.begin(None)
        lies = Lies(marker=CALLS[call][1], swallow=number, stays_open=True)
        far.sync(lies, is_impatient=True)
        far.sync_on()
        assert far.compare(expected) == [], f"after {call} {number} did not arrive"


@pytest.mark.parametrize("moment", ["half of it is trained", "its weights are stored"])
def test_a_server_that_is_killed_as_it_trains_ends_the_run_and_the_next_sync_completes(
    far: FarWorld, process: ServiceProcess, moment: str
) -> None:
    expected, _ = measure(far)
    far.begin(None)
    far.network.move(port_of(process.start(DEATHS[moment])))
    assert far.sync(Lies()).code == 1
    assert process.await_end() == KILLED
    far.network.move(port_of(process.start()))
    far.sync_on()
    assert far.compare(expected) == []


@pytest.mark.parametrize("moment", DEATHS)
def test_a_server_that_is_killed_as_it_trains_and_starts_again_gets_the_adapter_anew(
    far: FarWorld, process: ServiceProcess, moment: str
) -> None:
    expected, told = measure(far)
    far.begin(None)
    far.network.move(port_of(process.start(DEATHS[moment])))
    lies = Lies(awaits_server=True)
    with ThreadPoolExecutor(1) as thread:
        syncing = thread.submit(far.sync, lies)
        assert process.await_end() == KILLED
        far.network.move(port_of(process.start()))
        assert syncing.result().code == 0
    assert far.compare(expected) == []
    usual = count_calls(told)
    assert count_calls(lies) == usual + calls_again("fine_tune", BATCHES)


def cut(told: Lies, way: str, part: int) -> Lies:
    """Break the connection after a part of what an undisturbed sync sends or receives."""
    if way == "sent":
        return Lies(cut_after_sent=told.sent * part // PARTS)
    return Lies(cut_after_received=told.received * part // PARTS)
