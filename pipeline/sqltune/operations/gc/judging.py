"""Whether an item of a backend is an orphan, by what the rows say.

An item is this database's only where the key of one of its runs stands in the item's name, or where
one of its calls created it. What an unfinished run or a version may need is never an orphan.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath

from sqltune.backends.base import ArtifactKind, StoredArtifact
from sqltune.database.connection import Session
from sqltune.database.tables import orphans, states, versions
from sqltune.database.tables.orphans import Orphan, RunStatus
from sqltune.records import AdapterVersion


@dataclass(frozen=True)
class Rows:
    """What the rows say of some items, read after the items were listed: a run whose row says then
    that it ended makes nothing more.
    """

    runs: dict[str, RunStatus]  #: by the item's address
    versions: list[AdapterVersion]
    busy: frozenset[str]  #: adapters that somebody works on

    @property
    def external_ids(self) -> frozenset[str]:
        """Adapters at services that a version names."""
        return frozenset(v.external_id for v in self.versions if v.external_id)

    @property
    def weights(self) -> frozenset[str]:
        """Names of the files or folders that a version names, whichever way leads there."""
        return frozenset(PurePath(v.artifact_uri).name for v in self.versions if v.artifact_uri)


def read_rows(session: Session, items: Iterable[StoredArtifact]) -> Rows:
    """Read what concerns these items."""
    leases = states.list_leases(session)
    return Rows(
        runs=_find_runs(session, items),
        versions=versions.list_versions(session),
        busy=frozenset(name for name, lease in leases.items() if not lease.is_expired),
    )


def _find_runs(session: Session, items: Iterable[StoredArtifact]) -> dict[str, RunStatus]:
    runs: dict[str, RunStatus] = {}
    nameless = []
    for item in items:
        run = orphans.find_run_of_key(session, item.run_key) if item.run_key else None
        if run is not None:
            runs[item.address] = run
        elif item.kind is ArtifactKind.ADAPTER:
            nameless.append(item.address)
    # Reads all calls of all runs, and so only where names do not tell.
    created = orphans.list_created_adapters(session) if nameless else {}
    for address in nameless:
        run = orphans.get_run_end(session, created[address]) if address in created else None
        if run is not None:
            runs[address] = run
    return runs


@dataclass(frozen=True)
class Judge:
    """Judges the items of one backend."""

    backend: str
    place: str
    rows: Rows

    def judge(self, item: StoredArtifact) -> Orphan | None:
        """Give the item as an orphan; None: somebody needs it, or it is somebody else's."""
        run = self.rows.runs.get(item.address)
        is_adapter = item.kind is ArtifactKind.ADAPTER
        if self._is_named(item) or (run is not None and not run.is_ended):
            return None
        if run is None and is_adapter:
            return None  # an account may be shared with others
        kind = "adapter_without_row" if is_adapter else "weights_without_row"
        return Orphan(
            orphan_key=_key(self.backend, self.place, kind, item.address),
            orphan_kind=kind,
            adapter_name=run.adapter_name if run else None,
            version_number=None,
            run_id=run.run_id if run else None,
            run_key=item.run_key,
            is_unknown_run=run is None,
            backend=self.backend,
            place=self.place,
            external_id=item.address if is_adapter else None,
            address=item.address,
            size_bytes=item.size_bytes,
            reason=_reason(item, run),
        )

    def missing(self, version: AdapterVersion) -> Orphan:
        """Give a version whose adapter is gone as an orphan."""
        address = version.artifact_uri or version.external_id or ""
        number = str(version.version_number)
        kind = "row_without_adapter"
        return Orphan(
            orphan_key=_key(self.backend, self.place, kind, version.adapter_name, number, address),
            orphan_kind=kind,
            adapter_name=version.adapter_name,
            version_number=version.version_number,
            run_id=version.run_id,
            run_key=None,
            is_unknown_run=False,
            backend=self.backend,
            place=self.place,
            external_id=version.external_id,
            address=address,
            size_bytes=None,
            reason="the adapter of this version is gone: restore it or train anew; the row stays",
        )

    def _is_named(self, item: StoredArtifact) -> bool:
        if item.kind is ArtifactKind.ADAPTER:
            return item.address in self.rows.external_ids
        # By its name alone: the same folder may be mounted elsewhere for whoever wrote the row.
        return item.kind is ArtifactKind.WEIGHTS and item.name in self.rows.weights


def _reason(item: StoredArtifact, run: RunStatus | None) -> str:
    if run is None:
        return "made by a run that this database does not know: --unknown-runs removes it"
    if item.kind is ArtifactKind.CHECKPOINT:
        return f"run {run.run_id} has ended: nothing goes on from here"
    if item.kind is ArtifactKind.DRAFT:
        return f"run {run.run_id} has ended before this was written to its end"
    return f"run {run.run_id} has ended and no version names it"


def _key(*parts: str) -> str:
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=32).hexdigest()
