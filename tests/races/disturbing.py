"""Processes that work on the same adapters while they are killed and frozen from outside.

A seeded generator and the progress of the work decide what happens when, so a slow machine is
disturbed as often as a fast one.
"""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.end_to_end.command import PATIENCE_SECONDS, Finished, Running, Sqltune

LEASE_SECONDS = 1
#: A process is disturbed each time that the runs have so many events more.
EVENTS_BETWEEN = 7
#: How long a process is frozen, in leases: some wake up in time, some find their adapter taken.
_SHORTEST_STALL, _LONGEST_STALL = 0.3, 2.5
_TICK_SECONDS = 0.05


@dataclass
class Place:
    """One process at a time, started again whenever it ends."""

    arguments: Callable[[], Sequence[str]]
    is_lasting: bool  #: works until it is asked to stop
    running: Running | None = None
    frozen_until: float | None = None  #: on the monotonic clock

    @property
    def is_awake(self) -> bool:
        """Whether the process runs."""
        has_begun = self.running is not None and self.running.process.poll() is None
        return has_begun and self.frozen_until is None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process."""
        assert self.running is not None
        self.running.signal(number)


@dataclass
class Disturbance:
    """The processes, and what was done to them.

    Args:
        sqltune: the command.
        addresses: returns the databases that a process may be started on now.
        places: the processes.
        seed: decides which process is killed or frozen.
    """

    sqltune: Sqltune
    addresses: Callable[[], Sequence[str]]
    places: Sequence[Place]
    seed: int
    kills: int = 0
    stalls: int = 0
    ended: list[Finished] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._pause = threading.Event()

    def run(self, events: Callable[[], int], is_over: Callable[[], bool]) -> None:
        """Keep the processes running and disturb them until the work is done.

        Args:
            events: returns the number of events so far.
            is_over: returns whether the work is done; called once a tick.
        """
        known, grown_at = 0, time.monotonic()
        while not is_over():
            assert time.monotonic() < grown_at + PATIENCE_SECONDS, "no run makes progress any more"
            self._start_missing()
            self._wake(time.monotonic())
            for _strike in range((events() - known) // EVENTS_BETWEEN):
                known, grown_at = known + EVENTS_BETWEEN, time.monotonic()
                self._strike()
            self._pause.wait(_TICK_SECONDS)

    def calm_down(self) -> None:
        """Let every process continue to its end."""
        self._wake(float("inf"))
        for place in self.places:
            if place.is_lasting:
                place.signal(signal.SIGTERM)
        for place in self.places:
            self._note_end(place)

    def _start_missing(self) -> None:
        for place in self.places:
            if place.running is not None and place.running.process.poll() is not None:
                self._note_end(place)
            if place.running is None:
                address = self._random.choice(list(self.addresses()))
                place.running = self.sqltune.start(*place.arguments(), SQLTUNE_DATABASE_URL=address)

    def _wake(self, now: float) -> None:
        for place in self.places:
            if place.frozen_until is not None and place.frozen_until <= now:
                place.signal(signal.SIGCONT)
                place.frozen_until = None

    def _strike(self) -> None:
        awake = [place for place in self.places if place.is_awake]
        if not awake:
            return
        place = self._random.choice(awake)
        if self.kills < self.stalls or (self.kills == self.stalls and self._random.random() < 0.5):
            place.signal(signal.SIGKILL)
            self.kills += 1
        else:
            place.signal(signal.SIGSTOP)
            leases = self._random.uniform(_SHORTEST_STALL, _LONGEST_STALL)
            place.frozen_until = time.monotonic() + leases * LEASE_SECONDS
            self.stalls += 1

    def _note_end(self, place: Place) -> None:
        if place.running is None:
            return
        done = place.running.finish()
        if done.code != -signal.SIGKILL:
            self.ended.append(done)
        place.running = place.frozen_until = None
