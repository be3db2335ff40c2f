"""A run at a service, killed around any call, ends with one adapter that has each batch once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from sqltune.backends.gradient.client import GradientClient
from tests.faults.conftest import KILLS
from tests.faults.hooks import Hit
from tests.faults.killing import choose, report, training_of
from tests.faults.outcome import compare_outcomes
from tests.faults.points import public_methods
from tests.faults.service_runs import BEGINNINGS, begin, play, read_service_end
from tests.faults.worlds import SYNC, World
from tests.serving import ServerAtWork

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]


def of_training(hits: Sequence[Hit]) -> list[Hit]:
    """Leave out the points that the scripted backend passes in the same way."""
    training = training_of(hits)
    calls = public_methods(GradientClient)
    return [hit for hit in hits if (hit.is_commit and hit in training) or hit.call in calls]


@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_a_kill_around_any_call_of_a_service_leaves_one_adapter_with_each_batch_once(
    service_world: World,
    service: ServerAtWork,
    beginning: str,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    world = service_world
    first, needed = BEGINNINGS[beginning]
    saved = world.stage.save(tmp_path / "saved")
    assert play(world, saved, []) == []
    expected = read_service_end(world, service)
    assert len(expected["trained at the service"]) == 2
    begin(world, saved, first)
    passed = of_training(world.run_to_end(*SYNC).hits)
    assert needed <= {hit.call for hit in passed}
    hits = choose(world, passed)
    wrong = []
    for hit in hits:
        faults = play(world, saved, [first, hit])
        faults = faults or compare_outcomes(expected, read_service_end(world, service))
        wrong += [(hit, faults)] if faults else []
    record_property(KILLS, len(hits))
    assert not wrong, report(wrong)
