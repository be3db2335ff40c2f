"""What undisturbed runs pass: the scenes, a local training, and syncs at a service."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tests.faults.hooks import Hit
from tests.faults.points import Points
from tests.faults.scenes import SCENES
from tests.faults.service_runs import BEGINNINGS, begin
from tests.faults.worlds import SYNC, World


def play_scenes(world: World) -> list[Hit]:
    """Play all scenes, and return what they passed."""
    return [hit for scene in SCENES for hit in scene.play(world)]


def play_service(world: World, folder: Path) -> list[Hit]:
    """Sync at a service from every beginning, and return what these syncs passed."""
    saved = world.stage.save(folder)
    hits: list[Hit] = []
    for first, _ in BEGINNINGS.values():
        begin(world, saved, first)
        hits += world.run_to_end(*SYNC).hits
    return hits


def gather(hits: Iterable[Hit]) -> Points:
    """Return the points of hits; two lines of a function that commit are two transactions."""
    known = set(hits)
    commits = Counter(point for point, _ in {(h.point, h.line) for h in known if h.is_commit})
    return Points(dict(commits), sorted({h.point for h in known if not h.is_commit}))
