"""Our side of the selection bench, alone in a process so that its memory can be seen."""

from __future__ import annotations

import time
from dataclasses import replace

import psutil

from sqltune.database.pace import Pace
from sqltune.database.tables import states
from sqltune.selection import fingerprint_training, write_manifest
from tests.database.selecting import ADAPTER, NOW
from tests.singlestore_on_mariadb import open_database

_TOKENS = 2048


def measure(url: str) -> tuple[float, float, float, float, float]:
    """Give seconds and MB of fingerprint and of manifest, and the longest transaction."""
    database = open_database(url)
    with database.read():
        pass
    adapter = replace(ADAPTER, adapter_name="bench")
    claim = states.claim_adapter(database, "bench", owner="bench", lease_seconds=9999, now=NOW)
    assert claim is not None
    memory = Memory()
    began = time.perf_counter()
    fingerprint_training(database, adapter, memory.look)
    fingerprint_seconds = time.perf_counter() - began
    fingerprint_growth = memory.growth_mb
    longest = _watch_transactions()
    began = time.perf_counter()
    write_manifest(
        database,
        database,
        claim,
        1,
        adapter,
        too_long=lambda text: None if len(text.encode()) <= _TOKENS else len(text),
        check=memory.look,
        now=lambda: NOW,
    )
    seconds = time.perf_counter() - began
    return fingerprint_seconds, fingerprint_growth, seconds, memory.growth_mb, max(longest)


class Memory:
    """Looks at this process's resident memory at every page."""

    def __init__(self) -> None:
        """Begin with what the idle process has."""
        self._process = psutil.Process()
        self._idle = self._most = self._process.memory_info().rss

    def look(self) -> None:
        """Remember the most."""
        self._most = max(self._most, self._process.memory_info().rss)

    @property
    def growth_mb(self) -> float:
        """Give the most above the idle process."""
        return (self._most - self._idle) / 1e6


def _watch_transactions() -> list[float]:
    seconds = [0.0]
    end = Pace.end

    def timed_end(pace: Pace, rows: int) -> None:
        end(pace, rows)
        seconds.append(pace.seconds)

    Pace.end = timed_end  # type: ignore[method-assign]
    return seconds
