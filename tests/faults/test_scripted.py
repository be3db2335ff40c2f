"""A run that is killed with SIGKILL, anywhere, ends as one that was not disturbed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.conftest import KILLS
from tests.faults.killing import choose_first, kill_at, rehearse, report
from tests.faults.scenes import SCENES, Scene
from tests.faults.timeline import Timeline
from tests.faults.worlds import World


@pytest.mark.faults
@pytest.mark.timeout(900)
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_a_kill_at_any_point_loses_nothing_and_does_nothing_twice(
    world: World,
    timeline: Timeline,
    scene: Scene,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    passed = timeline.lead_to(world, scene)
    rehearsed = rehearse(world, scene, tmp_path / "saved")
    hits = choose_first(world, rehearsed.hits, passed)
    faults = [(hit, kill_at(rehearsed, hit)) for hit in hits]
    record_property(KILLS, len(hits))
    wrong = [(hit, found) for hit, found in faults if found]
    assert not wrong, report(wrong)
