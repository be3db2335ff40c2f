"""What is stored before each scene: a process plays each scene once, and restores what it needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.killing import Place, place_of
from tests.faults.scenes import SCENES, Scene
from tests.faults.worlds import World


@dataclass
class Timeline:
    """The scenes on one engine.

    Attributes:
        folder: an empty one, where the stages are saved.
    """

    folder: Path
    _starts: list[tuple[object, frozenset[Place]]] = field(default_factory=list)

    def lead_to(self, world: World, scene: Scene) -> frozenset[Place]:
        """Restore what is stored before a scene, and return the places passed until then."""
        number = SCENES.index(scene)
        while len(self._starts) <= number:
            self._starts.append(self._play_next(world))
        saved, passed = self._starts[number]
        world.stage.restore(saved)
        return passed

    def _play_next(self, world: World) -> tuple[object, frozenset[Place]]:
        number = len(self._starts)
        passed: frozenset[Place] = frozenset()
        if number:
            saved, passed = self._starts[-1]
            world.stage.restore(saved)
            passed |= {place_of(hit) for hit in SCENES[number - 1].play(world)}
        return world.stage.save(self.folder / str(number)), passed
