"""Our side of the selection bench, alone in a process so that its memory can be measured."""

from __future__ import annotations

import time
from dataclasses import replace

import psutil

from sqltune.database.pace import Pace
from sqltune.database.run_scope import RunScope
from sqltune.database.tables import states
from sqltune.selection import SelectionReader, fingerprint_samples, write_manifest
from tests.database.selecting import ADAPTER, NOW
from tests.singlestore_on_mariadb import open_database

_TOKENS, _TIMEOUT_SECONDS = 2048, 600.0


def measure(url: str) -> tuple[float, float, float, float, float]:
    """Return seconds and MB of fingerprint and of manifest, and the longest transaction."""
    database = open_database(url)
    with database.read():
        pass
    adapter = replace(ADAPTER, adapter_name="bench")
    claim = states.claim_adapter(database, "bench", owner="bench", lease_seconds=9999, now=NOW)
    assert claim is not None
    memory = Memory()
    reader = SelectionReader(database, memory.sample, _TIMEOUT_SECONDS)
    began = time.perf_counter()
    fingerprint_samples(reader, adapter)
    fingerprint_seconds = time.perf_counter() - began
    fingerprint_growth = memory.growth_mb
    longest = _watch_transactions()
    began = time.perf_counter()
    write_manifest(
        RunScope(database, claim, 1, memory.sample, lambda: NOW),
        reader,
        adapter,
        too_long=lambda text: None if len(text.encode()) <= _TOKENS else len(text),
    )
    seconds = time.perf_counter() - began
    return fingerprint_seconds, fingerprint_growth, seconds, memory.growth_mb, max(longest)


class Memory:
    """Samples this process's resident memory at every page."""

    def __init__(self) -> None:
        """Begin with the memory of the idle process."""
        self._process = psutil.Process()
        self._idle = self._most = self._process.memory_info().rss

    def sample(self) -> None:
        """Keep the highest value."""
        self._most = max(self._most, self._process.memory_info().rss)

    @property
    def growth_mb(self) -> float:
        """Return the highest value above that of the idle process."""
        return (self._most - self._idle) / 1e6


def _watch_transactions() -> list[float]:
    seconds = [0.0]
    end = Pace.end

    def timed_end(pace: Pace, rows: int) -> None:
        end(pace, rows)
        seconds.append(pace.seconds)

    Pace.end = timed_end  # type: ignore[method-assign]
    return seconds
