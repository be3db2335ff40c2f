"""A run that is killed with SIGKILL, anywhere, comes to the same as one that nobody disturbed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.conftest import KILLS
from tests.faults.killing import choose, kill_at, lead_to, rehearse, report
from tests.faults.scenes import SCENES, Scene
from tests.faults.worlds import World


@pytest.mark.faults
@pytest.mark.timeout(900)
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_a_kill_at_any_point_loses_nothing_and_does_nothing_twice(
    world: World,
    scene: Scene,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    passed = lead_to(world, scene)
    rehearsed = rehearse(world, scene, tmp_path / "saved")
    hits = choose(rehearsed.hits, passed, is_server=not world.stage.url.startswith("sqlite"))
    faults = [(hit, kill_at(rehearsed, hit)) for hit in hits]
    record_property(KILLS, len(hits))
    wrong = [(hit, found) for hit, found in faults if found]
    assert not wrong, report(wrong)
