"""Compares the stored artifacts of all backends with the rows, and records the orphans."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from sqltune.backends.inventory import Inventory, StoredArtifact
from sqltune.database.tables import orphans, versions
from sqltune.database.tables.orphans import Orphan
from sqltune.errors import ConfigError, PipelineError
from sqltune.operations.gc.judging import Judge, Rows, read_rows
from sqltune.operations.gc.removal_calls import settle_open_calls
from sqltune.records import AdapterVersion
from sqltune.run.versions import trained_adapter
from sqltune.runtime import Runtime

#: A younger artifact may belong to a runner that only stalled.
GRACE_LEASES = 10


@dataclass
class FoundArtifact:
    """A stored artifact that is an orphan."""

    orphan: Orphan
    artifact: StoredArtifact
    state: str = "found"  #: as in the orphan's row


@dataclass
class OrphanReport:
    """What one scan of all backends found."""

    found: list[FoundArtifact] = field(default_factory=list)
    missing: list[Orphan] = field(default_factory=list)  #: rows whose adapter is gone
    notes: list[str] = field(default_factory=list)  #: what was kept, and why
    problems: list[str] = field(default_factory=list)  #: what could not be read or removed


def find_orphans(runtime: Runtime, *, grace_seconds: float | None = None) -> OrphanReport:
    """Compare the stored artifacts of all backends with the rows, and record the orphans.

    Args:
        runtime: the parts to work with.
        grace_seconds: younger artifacts are kept; None means ten leases.
    """
    if grace_seconds is None:
        grace_seconds = GRACE_LEASES * runtime.settings.lease_seconds
    report = OrphanReport()
    with runtime.database.read() as session:
        used = {version.backend for version in versions.list_versions(session)}
    for name in sorted(used.union(runtime.settings.backends)):
        try:
            backend = runtime.backend(name)
            if isinstance(backend, Inventory):
                _BackendScan(runtime, name, backend, report, grace_seconds).run()
        except (PipelineError, OSError) as error:
            # A backend that is allowed by default and was never set up stores nothing of ours.
            if name in used or not isinstance(error, ConfigError):
                report.problems.append(f"backend {name} could not be read: {error}")
    return report


@dataclass(frozen=True)
class _BackendScan:
    """The scan of one backend."""

    runtime: Runtime
    backend: str
    inventory: Inventory
    report: OrphanReport
    grace_seconds: float

    def run(self) -> None:
        """Find this backend's orphans, and settle earlier ones that are no longer orphans."""
        artifacts = list(self.inventory.list_artifacts())
        with self.runtime.database.read() as session:
            lease_seconds = self.runtime.settings.lease_seconds
            rows = read_rows(session, artifacts, lease_seconds=lease_seconds)
        judge = Judge(self.backend, self.inventory.place, rows)
        missing = [judge.missing(version) for version in self._find_missing(rows.versions)]
        found: list[FoundArtifact] = []
        young, busy = [], []
        for artifact in artifacts:
            orphan = judge.judge(artifact)
            if orphan is None:
                continue
            if orphan.adapter_name in rows.busy:
                busy.append(orphan)
            elif self._is_young(artifact, rows):
                young.append(orphan)
            else:
                found.append(FoundArtifact(orphan, artifact))
        current = [*(f.orphan for f in found), *missing]
        orphans.store_orphans(self.runtime.database, current, now=self.runtime.now())
        self._settle_gone([*current, *young, *busy])
        self.report.found += found
        self.report.missing += missing
        self._note(young, f"younger than {self.grace_seconds:g} seconds")
        self._note(busy, "of adapters that a runner has")

    def _is_young(self, artifact: StoredArtifact, rows: Rows) -> bool:
        run = rows.runs.get(artifact.address)
        since = self.runtime.now() - timedelta(seconds=self.grace_seconds)
        times = (artifact.changed_at, run.finished_at if run else None)
        return any(time is not None and time > since for time in times)

    def _find_missing(self, known: Sequence[AdapterVersion]) -> list[AdapterVersion]:
        own = [(trained_adapter(v), v) for v in known if v.backend == self.backend]
        gone = set(self.inventory.find_missing([trained for trained, _ in own])) if own else set()
        return [version for trained, version in own if trained in gone]

    def _settle_gone(self, current: Sequence[Orphan]) -> None:
        """Settle what an earlier scan found and this one does not.

        It was removed elsewhere, a row names it now, or a removal of ours was killed before it
        recorded its outcome.
        """
        database, now = self.runtime.database, self.runtime.now()
        with database.read() as session:
            open_ones = orphans.list_open_orphans(session, self.backend, self.inventory.place)
        keys = {orphan.orphan_key for orphan in current}
        for orphan in open_ones:
            if orphan.orphan_key in keys:
                continue
            is_ours = orphan.state == "removing"
            with database.transaction() as session:
                orphans.set_orphan_state(
                    session,
                    orphan.orphan_key,
                    "removed" if is_ours else "gone",
                    removed_at=now if is_ours else None,
                )
                if orphan.run_id is not None:
                    settle_open_calls(session, orphan.run_id, orphan.address, now=now)

    def _note(self, left: Iterable[Orphan], why: str) -> None:
        count = len(list(left))
        if count:
            self.report.notes.append(f"{self.backend}: {count:,} kept, {why}")
