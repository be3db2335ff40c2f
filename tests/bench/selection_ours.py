"""Our side of the selection bench, alone in a process so that its memory can be seen."""

from __future__ import annotations

import time
from dataclasses import replace

import psutil

from sqltune.database.connection import Database
from sqltune.database.pace import Pace
from sqltune.database.run_scope import RunScope
from sqltune.database.tables import manifests, states
from sqltune.records import Adapter, Claim
from sqltune.selection import ModelLimits, SelectionReader, fingerprint_samples, write_manifest
from tests.database.selecting import ADAPTER, NOW
from tests.singlestore_on_mariadb import open_database

_TOKENS, _TIMEOUT_SECONDS = 2048, 600.0
_ROWS_AT_ONCE = 10_000


def measure(url: str) -> tuple[float, ...]:
    """Return what `Ours` has: seconds and MB of fingerprint and of manifest, the longest
    transaction, and the seconds of a comparison with the manifest before.
    """
    database = open_database(url)
    with database.read():
        pass
    adapter = replace(
        ADAPTER, adapter_name="bench", near_duplicate_at=None, on_personal_data="ignore"
    )
    claim = states.claim_adapter(database, "bench", owner="bench", lease_seconds=9999, now=NOW)
    assert claim is not None
    memory = Memory()
    began = time.perf_counter()
    fingerprint_samples(SelectionReader(database, memory.sample, _TIMEOUT_SECONDS), adapter)
    fingerprint_seconds = time.perf_counter() - began
    fingerprint_growth = memory.growth_mb
    longest = _watch_transactions()
    began = time.perf_counter()
    _write(database, claim, 1, adapter, memory)
    figures = (fingerprint_seconds, fingerprint_growth, time.perf_counter() - began)
    growth = memory.growth_mb
    _edit_rows(database)
    _write(database, claim, 2, adapter, memory)
    return (*figures, growth, max(longest), _compare(database))


def _write(database: Database, claim: Claim, run_id: int, adapter: Adapter, memory: Memory) -> None:
    write_manifest(
        RunScope(database, claim, run_id, memory.sample, lambda: NOW),
        SelectionReader(database, memory.sample, _TIMEOUT_SECONDS),
        adapter,
        limits=ModelLimits(lambda text: None if len(text.encode()) <= _TOKENS else len(text)),
    )


def _edit_rows(database: Database) -> None:
    """Edit two rows in a hundred, delete one and add one, in short transactions."""
    with database.read() as session:
        query = "SELECT MAX(sample_id) FROM training_samples"
        last = int(session.connection.exec_driver_sql(query).scalar() or 0)
    for first in range(1, last + 1, _ROWS_AT_ONCE):
        rows = f"sample_id BETWEEN {first} AND {min(first + _ROWS_AT_ONCE - 1, last)}"
        for statement in (
            f"UPDATE training_samples SET response = 'edited' WHERE {rows} AND sample_id % 100 < 2",
            f"DELETE FROM training_samples WHERE {rows} AND sample_id % 100 = 2",
            "INSERT INTO training_samples (dataset, prompt, response) SELECT dataset, prompt, "
            f"'added' FROM training_samples WHERE {rows} AND sample_id % 100 = 3",
        ):
            with database.transaction() as session:
                session.run_script(statement)


def _compare(database: Database) -> float:
    """Compare the second manifest with the first once more, and return the seconds."""
    with database.read() as session:
        manifest = manifests.get_manifest(session, 2)
        assert manifest is not None
        began = time.perf_counter()
        manifests.compare_with_last(
            session, 2, "bench", sample_count=manifest.sample_count, has_own_keys=True
        )
        return time.perf_counter() - began


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

    Pace.end = timed_end
    return seconds
