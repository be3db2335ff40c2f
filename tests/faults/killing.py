"""One scene: undisturbed, then killed at each point that this passed, and compared."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.faults.hooks import Hit
from tests.faults.outcome import Outcome, compare_outcomes, read_outcome
from tests.faults.points import COMMITS
from tests.faults.scenes import SCENES, Command, Scene
from tests.faults.worlds import KILLED, World

#: A point as it stands in the code: its function, before or after, and the line.
Place = tuple[str, str, int]
#: Kill at all that each scene passes: some 2,500 processes.
EVERY_KILL = bool(os.environ.get("EVERY_KILL"))
#: A report that names all would say the same in a thousand lines.
_SHOWN = 10


@dataclass(frozen=True)
class Rehearsed:
    """A scene that was played to its end, and can be played again."""

    world: World
    saved: object
    command: Command
    after_kill: tuple[Command, ...]
    hits: tuple[Hit, ...]
    repeats_events: bool
    expected: Outcome


def lead_to(world: World, scene: Scene) -> set[Place]:
    """Play all scenes before this one, and give the places that they passed."""
    passed: set[Place] = set()
    for earlier in SCENES[: SCENES.index(scene)]:
        earlier.prepare(world)
        passed |= {place_of(hit) for hit in world.well(*world.fill(earlier.command)).hits}
    return passed


def place_of(hit: Hit) -> Place:
    """Give where a point is passed, whichever time it is."""
    return (hit.point, hit.moment, hit.line)


def choose(hits: Sequence[Hit], passed: set[Place], *, is_server: bool) -> list[Hit]:
    """Give the points to kill at: each place in the first scene that comes by it, each time that it
    does; on a server its commits only, for a call is the same there.
    """
    if EVERY_KILL:
        return list(hits)
    fresh = [hit for hit in hits if place_of(hit) not in passed]
    return [hit for hit in fresh if not is_server or hit.point in COMMITS]


def rehearse(world: World, scene: Scene, folder: Path) -> Rehearsed:
    """Play a scene undisturbed."""
    scene.prepare(world)
    command = world.fill(scene.command)
    after_kill = tuple(world.fill(words) for words in scene.after_kill)
    saved = world.stage.save(folder)
    hits = world.well(*command).hits
    repeats = scene.repeats_events
    expected = read_end(world, repeats)
    return Rehearsed(world, saved, command, after_kill, hits, repeats, expected)


def kill_at(rehearsed: Rehearsed, target: Hit) -> list[str]:
    """Play the scene, killed once; gives what differs from the undisturbed end."""
    world = rehearsed.world
    world.stage.restore(rehearsed.saved)
    killed = world.run(*rehearsed.command, target=target)
    if killed.code != KILLED:
        return [f"it was not passed: exit {killed.code}\n{killed.said}"]
    stored = world.stored_answers()
    later = world.recover(rehearsed.after_kill)
    asked = {prompt for passed in later for prompt in passed.asked}
    faults = compare_with(rehearsed)
    if again := sorted(map(str, stored & asked)):
        faults.append(f"asked again, though the answer was stored: {again}")
    if faults:
        faults.append("it was said: " + later[0].said.strip()[-1000:])
    return faults


def compare_with(rehearsed: Rehearsed) -> list[str]:
    """Say in what the end that there is now differs from the undisturbed one."""
    end = read_end(rehearsed.world, rehearsed.repeats_events)
    return compare_outcomes(rehearsed.expected, end)


def read_end(world: World, repeats_events: bool) -> Outcome:
    """Give what there is now."""
    end = read_outcome(world.rows(), world.stage.folder / "artifacts")
    if repeats_events:
        end["run_events"] = sorted(set(end["run_events"]))
    return end


def report(faults: Sequence[tuple[Hit, list[str]]]) -> str:
    """Say what differs after which kill."""
    lines = [
        f"killed {hit.moment} no. {hit.number} of {hit.point}:\n  " + "\n  ".join(found)
        for hit, found in faults[:_SHOWN]
    ]
    return f"{len(faults)} kills change the end\n" + "\n".join(lines)
