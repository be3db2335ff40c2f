"""A local training that is killed, anywhere, ends with the same weights, bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.faults.conftest import KILLS
from tests.faults.hooks import Hit
from tests.faults.killing import (
    Rehearsed,
    choose,
    compare_with,
    kill_at,
    rehearse,
    report,
    training_of,
)
from tests.faults.points import read_points
from tests.faults.scenes import Scene, nothing
from tests.faults.worlds import SYNC, World

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

TRAINING = Scene("training", nothing)
LOCAL_ROOMS = ("backends.local.", "local_lora.")


@pytest.fixture
def rehearsed(local_world: World, tmp_path: Path) -> Rehearsed:
    """One sync of a tiny adapter that was not disturbed."""
    return rehearse(local_world, TRAINING, tmp_path / "saved")


def of_training(hits: Sequence[Hit]) -> list[Hit]:
    """Return what the training passed, and all that the backend did to the disk."""
    training = training_of(hits)
    return [hit for hit in hits if hit in training or hit.point.startswith(LOCAL_ROOMS)]


def second_checkpoint(rehearsed: Rehearsed) -> Hit:
    """Return where the checkpoint of the second step has got its name.

    The first file that the training writes are the pairs of its rehearsal.
    """
    named = [
        hit for hit in training_of(rehearsed.hits) if (hit.call, hit.moment) == ("replace", "after")
    ]
    return named[2]


def test_a_kill_anywhere_in_a_training_leaves_the_weights_as_they_would_have_been(
    rehearsed: Rehearsed, record_property: Callable[[str, object], None]
) -> None:
    passed = of_training(rehearsed.hits)
    assert {h.point for h in passed} >= read_points().calls_in(*LOCAL_ROOMS)
    hits = choose(rehearsed.world, passed)
    faults = [(hit, kill_at(rehearsed, hit)) for hit in hits]
    record_property(KILLS, len(hits))
    wrong = [(hit, found) for hit, found in faults if found]
    assert not wrong, report(wrong)


@pytest.mark.parametrize("kept_bytes", [0, 8, 2000], ids=["empty", "header", "torn"])
def test_a_damaged_checkpoint_is_reported_and_the_training_begins_again_with_the_same_weights(
    rehearsed: Rehearsed, kept_bytes: int
) -> None:
    world = rehearsed.world
    world.stage.restore(rehearsed.saved)
    world.kill(second_checkpoint(rehearsed))
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
    world.kill(second_checkpoint(rehearsed))
    world.recover([SYNC])
    with world.people() as people:
        (message,) = people.value(
            "SELECT message FROM run_events WHERE event = 'checkpoint_read'"
        ).splitlines()
    assert message.endswith("after step 2")
    assert compare_with(rehearsed) == []
