"""Whether a stored artifact is an orphan, by what the rows say.

An artifact belongs to this database only if its name contains the key of one of the runs, or if one
of their calls created it. What an unfinished run or a version may need is never an orphan.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath

from sqltune.backends.inventory import ArtifactKind, StoredArtifact
from sqltune.database.connection import Session
from sqltune.database.tables import orphans, states, versions
from sqltune.database.tables.orphans import Orphan, RunStatus
from sqltune.records import AdapterVersion, KeptEpoch


@dataclass(frozen=True)
class Rows:
    """The rows about some artifacts, read after these were listed.

    A run that had ended by then makes nothing more.
    """

    runs: dict[str, RunStatus]  #: by the artifact's address
    versions: list[AdapterVersion]
    busy: frozenset[str]  #: adapters that a runner has
    kept_epochs: list[KeptEpoch] = field(default_factory=list)
    misnamed: frozenset[int] = frozenset()  #: runs whose versions name nothing that they stored

    @property
    def external_ids(self) -> frozenset[str]:
        """Adapters at services that a version names."""
        return frozenset(v.external_id for v in self.versions if v.external_id)

    @property
    def weights(self) -> frozenset[str]:
        """Names of the files or folders that a version or a kept epoch names, at any path."""
        addresses = [version.artifact_uri for version in self.versions]
        addresses += [kept.artifact_uri for kept in self.kept_epochs]
        return frozenset(PurePath(address).name for address in addresses if address)


def read_rows(
    session: Session, artifacts: Iterable[StoredArtifact], *, lease_seconds: float
) -> Rows:
    """Read the rows about these artifacts."""
    leases = states.list_leases(session, lease_seconds=lease_seconds)
    artifacts = list(artifacts)
    runs = _find_runs(session, artifacts)
    # What a retired version names is to be gone: where its removal broke off, it is an orphan.
    known = [version for version in versions.list_versions(session) if not version.is_retired]
    kept = versions.list_kept_epochs(session)
    return Rows(
        runs=runs,
        versions=known,
        kept_epochs=kept,
        busy=frozenset(name for name, lease in leases.items() if not lease.is_expired),
        misnamed=_find_misnamed([*known, *kept], artifacts, runs),
    )


def _find_misnamed(
    named: Iterable[AdapterVersion | KeptEpoch],
    artifacts: Iterable[StoredArtifact],
    runs: Mapping[str, RunStatus],
) -> frozenset[int]:
    """Return the runs of whose artifacts a version or a kept epoch names none.

    Its row was changed by hand, so any of them may be the one that it needs.
    """
    stored: dict[int, set[str]] = {}
    for artifact in artifacts:
        if artifact.address in runs:
            of_run = stored.setdefault(runs[artifact.address].run_id, set())
            of_run.update((artifact.name, artifact.address))
    return frozenset(row.run_id for row in named if not _names(row) & stored.get(row.run_id, set()))


def _names(row: AdapterVersion | KeptEpoch) -> set[str]:
    file_name = PurePath(row.artifact_uri).name if row.artifact_uri else None
    return {name for name in (row.external_id, file_name) if name}


def _find_runs(session: Session, artifacts: Iterable[StoredArtifact]) -> dict[str, RunStatus]:
    runs: dict[str, RunStatus] = {}
    nameless = []
    for artifact in artifacts:
        run = orphans.find_run_of_key(session, artifact.run_key) if artifact.run_key else None
        if run is not None:
            runs[artifact.address] = run
        elif artifact.kind is ArtifactKind.ADAPTER:
            nameless.append(artifact.address)
    # This reads all calls of all runs, so only artifacts without a run's name need it.
    created = orphans.list_created_adapters(session) if nameless else {}
    for address in nameless:
        run = orphans.get_run_end(session, created[address]) if address in created else None
        if run is not None:
            runs[address] = run
    return runs


@dataclass(frozen=True)
class Judge:
    """Decides which artifacts of one backend are orphans."""

    backend: str
    place: str
    rows: Rows

    def judge(self, artifact: StoredArtifact) -> Orphan | None:
        """Return the artifact as an orphan; None: it is needed, or belongs to others."""
        run = self.rows.runs.get(artifact.address)
        is_adapter = artifact.kind is ArtifactKind.ADAPTER
        if self._is_named(artifact) or (run is not None and not run.is_ended):
            return None
        is_finished = artifact.kind in (ArtifactKind.ADAPTER, ArtifactKind.WEIGHTS)
        if run is not None and is_finished and run.run_id in self.rows.misnamed:
            return None
        if run is None and is_adapter:
            return None  # an account may be shared with others
        kind = "adapter_without_row" if is_adapter else "weights_without_row"
        return Orphan(
            orphan_key=_key(self.backend, self.place, kind, artifact.address),
            orphan_kind=kind,
            adapter_name=run.adapter_name if run else None,
            version_number=None,
            run_id=run.run_id if run else None,
            run_key=artifact.run_key,
            is_unknown_run=run is None,
            backend=self.backend,
            place=self.place,
            external_id=artifact.address if is_adapter else None,
            address=artifact.address,
            size_bytes=artifact.size_bytes,
            reason=_reason(artifact, run),
        )

    def missing(self, version: AdapterVersion) -> Orphan:
        """Return a version whose adapter is gone as an orphan."""
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
            reason="the adapter of this version is gone: restore it or train again",
        )

    def _is_named(self, artifact: StoredArtifact) -> bool:
        if artifact.kind is ArtifactKind.ADAPTER:
            return artifact.address in self.rows.external_ids
        # Only the name counts: the runner that wrote the row may have mounted the folder elsewhere.
        return artifact.kind is ArtifactKind.WEIGHTS and artifact.name in self.rows.weights


def _reason(artifact: StoredArtifact, run: RunStatus | None) -> str:
    if run is None:
        return "made by a run that this database does not know: --unknown-runs removes it"
    if artifact.kind is ArtifactKind.CHECKPOINT:
        return f"run {run.run_id} has ended: nothing continues from here"
    if artifact.kind is ArtifactKind.DRAFT:
        return f"run {run.run_id} ended before this was completely written"
    return f"run {run.run_id} has ended and no version names it"


def _key(*parts: str) -> str:
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=32).hexdigest()
