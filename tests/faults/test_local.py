"""A local training that is killed, anywhere, ends with the same weights, bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.conftest import KILLS
from tests.faults.hooks import Hit
from tests.faults.killing import Rehearsed, compare_with, kill_at, rehearse, report
from tests.faults.points import LOCAL_CALLS
from tests.faults.scenes import SYNC, Scene, nothing
from tests.faults.worlds import KILLED, World

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

TRAINING = Scene("training", nothing)
#: The pairs of the rehearsal are the first file that is written, each step's checkpoint another.
SECOND_CHECKPOINT = Hit("local_lora.files.write_file: replace", "after", 3)


@pytest.fixture
def rehearsed(local_world: World, tmp_path: Path) -> Rehearsed:
    """One sync of a tiny adapter that nobody disturbed."""
    return rehearse(local_world, TRAINING, tmp_path / "saved")


def between(hits: tuple[Hit, ...]) -> tuple[Hit, ...]:
    """Give the points from the call of the backend to the row of the new version."""
    places = [n for n, hit in enumerate(hits) if hit.point == "run.training.train: train"]
    stored = [n for n, hit in enumerate(hits) if hit.point == "run.training._store_version"]
    return hits[places[0] : stored[-1] + 1]


def test_a_kill_anywhere_in_a_training_leaves_the_weights_as_they_would_have_been(
    rehearsed: Rehearsed, record_property: Callable[[str, object], None]
) -> None:
    hits = between(rehearsed.hits)
    assert {h.point for h in hits} >= set(LOCAL_CALLS)
    faults = [(hit, kill_at(rehearsed, hit)) for hit in hits]
    record_property(KILLS, len(hits))
    wrong = [(hit, found) for hit, found in faults if found]
    assert not wrong, report(wrong)


@pytest.mark.parametrize("kept_bytes", [0, 8, 2000], ids=["empty", "header", "torn"])
def test_a_damaged_checkpoint_is_said_and_the_training_begins_anew_with_the_same_weights(
    rehearsed: Rehearsed, kept_bytes: int
) -> None:
    world = rehearsed.world
    world.stage.restore(rehearsed.saved)
    assert world.run(*SYNC, target=SECOND_CHECKPOINT).code == KILLED
    (checkpoint,) = (world.stage.folder / "artifacts").rglob("checkpoint.safetensors")
    checkpoint.write_bytes(checkpoint.read_bytes()[:kept_bytes])
    world.recover([SYNC])
    assert compare_with(rehearsed) == []
    with world.people() as people:
        events = people.rows("SELECT message FROM run_events WHERE event = 'checkpoint_unreadable'")
    assert len(events) == 1
    assert "cannot be read" in events[0][0]


def test_an_intact_checkpoint_is_read_and_its_steps_are_not_taken_again(
    rehearsed: Rehearsed,
) -> None:
    world = rehearsed.world
    world.stage.restore(rehearsed.saved)
    assert world.run(*SYNC, target=SECOND_CHECKPOINT).code == KILLED
    world.recover([SYNC])
    with world.people() as people:
        (message,) = people.value(
            "SELECT message FROM run_events WHERE event = 'checkpoint_read'"
        ).splitlines()
    assert message == "goes on after step 2"
    assert compare_with(rehearsed) == []
