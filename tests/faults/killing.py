"""One scene: undisturbed, then killed at each point that this passed, and compared."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from tests.faults.hooks import Hit
from tests.faults.outcome import Outcome, compare_outcomes, read_outcome
from tests.faults.points import WATCHED_ROOMS
from tests.faults.scenes import Scene
from tests.faults.worlds import KILLED, Command, World

#: A point as it is in the code: its name, before or after, and the line.
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


def place_of(hit: Hit) -> Place:
    """Return where a point is passed, whichever time it is."""
    return (hit.point, hit.moment, hit.line)


def choose_first(world: World, hits: Sequence[Hit], passed: Set[Place]) -> list[Hit]:
    """Return the points to kill at: each place in the first scene that passes it."""
    if EVERY_KILL:
        return list(hits)
    fresh = [hit for hit in _without_repeats(hits) if place_of(hit) not in passed]
    if world.stage.is_server:
        return choose(world, fresh)
    return [hit for hit in fresh if hit.is_commit or hit.moment != "before"]


def choose(world: World, hits: Sequence[Hit]) -> list[Hit]:
    """Return the points of which each leaves something else behind when a run is killed there.

    What is stored before a call or a commit is what was stored after the one before it. On a server
    a call is the same as on SQLite, and a kill before a commit also leaves a transaction open.
    """
    if EVERY_KILL:
        return list(hits)
    if world.stage.is_server:
        return [hit for hit in hits if hit.is_commit and hit.moment == "before"]
    return [hit for hit in _without_repeats(hits) if hit.moment != "before"]


def _without_repeats(hits: Sequence[Hit]) -> Iterator[Hit]:
    """Leave out calls that are repeated before anything has changed."""
    since_change: set[Place] = set()
    for hit in hits:
        if hit.is_commit or hit.point.startswith(WATCHED_ROOMS):
            since_change.clear()
        elif place_of(hit) in since_change:
            continue
        since_change.add(place_of(hit))
        yield hit


def rehearse(world: World, scene: Scene, folder: Path) -> Rehearsed:
    """Play a scene undisturbed."""
    scene.prepare(world)
    command = world.fill(scene.command)
    after_kill = tuple(world.fill(words) for words in scene.after_kill)
    saved = world.stage.save(folder)
    hits = world.run_to_end(*command).hits
    repeats = scene.repeats_events
    return Rehearsed(
        world, saved, command, after_kill, hits, repeats, read_end(world, repeats_events=repeats)
    )


def kill_at(rehearsed: Rehearsed, target: Hit) -> list[str]:
    """Play the scene, killed once, and return what differs from the undisturbed end."""
    world = rehearsed.world
    world.stage.restore(rehearsed.saved)
    killed = world.run(*rehearsed.command, target=target)
    if killed.code != KILLED:
        return [f"it was not passed: exit {killed.code}\n{killed.output}"]
    stored = world.stored_answers()
    later = world.recover(rehearsed.after_kill)
    asked = {prompt for passed in later for prompt in passed.asked}
    faults = compare_with(rehearsed)
    if again := sorted(map(str, stored & asked)):
        faults.append(f"asked again, though the answer was stored: {again}")
    if faults:
        faults.append("output: " + later[0].output.strip()[-1000:])
    return faults


def compare_with(rehearsed: Rehearsed) -> list[str]:
    """Return in what the present end differs from the undisturbed one."""
    end = read_end(rehearsed.world, repeats_events=rehearsed.repeats_events)
    return compare_outcomes(rehearsed.expected, end)


def training_of(hits: Sequence[Hit]) -> Sequence[Hit]:
    """Return what a sync passed from the call that trains to the commit of what it trained."""
    (begin,) = (n for n, hit in enumerate(hits) if (hit.call, hit.moment) == ("train", "before"))
    (trained,) = (n for n, hit in enumerate(hits) if (hit.call, hit.moment) == ("train", "after"))
    end = next(n for n, hit in enumerate(hits) if n > trained and hit.is_commit)
    return hits[begin : end + 2]


def read_end(world: World, *, repeats_events: bool) -> Outcome:
    """Return what there is now."""
    end = read_outcome(world.rows(), world.stage.folder / "artifacts")
    if repeats_events:
        end["run_events"] = sorted(set(end["run_events"]))
        # A command that evaluates again adds a row to the history, equal but for its number.
        unnumbered = [
            {name: value for name, value in row.items() if name != "evaluation_number"}
            for row in end["evaluations"]
        ]
        end["evaluations"] = [
            row for place, row in enumerate(unnumbered) if row not in unnumbered[:place]
        ]
    return end


def report(faults: Sequence[tuple[Hit, list[str]]]) -> str:
    """Describe what differs after which kill."""
    lines = [
        f"killed {hit.moment} no. {hit.number} of {hit.point}:\n  " + "\n  ".join(found)
        for hit, found in faults[:_SHOWN]
    ]
    return f"{len(faults)} kills change the end\n" + "\n".join(lines)
