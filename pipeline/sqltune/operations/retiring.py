"""Retire a version: remove its weights, keep its row, its samples, its answers and its verdict.

The row is marked and the intent committed first, the weights are removed after it. Whatever ends
the process in between, a second `retire` removes what is left, and `gc` finds it as an orphan.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath

from sqltune.backends.base import TrainedAdapter
from sqltune.database.connection import Session
from sqltune.database.tables import adapters, aliases, calls, runs, versions
from sqltune.errors import ConfigError, PipelineError
from sqltune.operations.gc.removal_calls import DELETE_ADAPTER, DELETE_WEIGHTS, announce_call
from sqltune.records import AdapterVersion, KeptEpoch, Run
from sqltune.run.versions import epoch_adapter, stored_adapter
from sqltune.runtime import Runtime
from sqltune.syncing.lease import lease_adapter


@dataclass(frozen=True, slots=True)
class Retirement:
    """What retiring a version removes."""

    version: AdapterVersion
    weights: tuple[TrainedAdapter, ...]  #: of the version and of the kept epochs of its run
    kept_epochs: tuple[KeptEpoch, ...]
    shared_with: tuple[str, ...]  #: versions and kept epochs that need some of its weights

    @property
    def size_bytes(self) -> int:
        """The size of the weights, as far as it is known."""
        return sum(adapter.artifact_bytes or 0 for adapter in self.weights)

    def __str__(self) -> str:
        label = f"v{self.version.version_number} of {self.version.adapter_name}"
        count = len(self.weights)
        stored = f"{count:,} stored adapter{'' if count == 1 else 's'}, {self.size_bytes:,} bytes"
        kept = f"; kept for {', '.join(self.shared_with)}" if self.shared_with else ""
        return f"{label}: {stored}{kept}"


def plan_retirement(runtime: Runtime, adapter_name: str, version_number: int) -> Retirement:
    """Return what retiring a version would remove.

    Raises:
        ConfigError: there is no such version, an alias of a declared adapter points to it, or an
            unfinished run needs it.
    """
    with runtime.database.read() as session:
        return _plan(session, adapter_name, version_number)


def retire(runtime: Runtime, adapter_name: str, version_number: int) -> Retirement:
    """Mark a version as retired and remove its weights; one that is retired is finished.

    Raises:
        ConfigError: as `plan_retirement` does, or a runner works on the adapter.
        BackendError: the weights cannot be removed.
    """
    with lease_adapter(runtime, adapter_name, threading.Event()) as lease:
        if lease is None:
            raise ConfigError(
                f"a runner works on {adapter_name}: retire the version when it has ended"
            )
        with runtime.database.transaction(lease.claim) as session:
            retirement = _plan(session, adapter_name, version_number)
            call_numbers = _announce(session, runtime, retirement)
        backend = runtime.backend(retirement.version.backend)
        for adapter, call_number in zip(retirement.weights, call_numbers, strict=True):
            try:
                backend.delete(adapter)
            except (PipelineError, OSError) as error:
                _settle(runtime, retirement, call_number, "unknown", str(error))
                raise
            _settle(runtime, retirement, call_number, "done", "removed by retire")
        # Last, so that a second `retire` still finds what a first one left.
        with runtime.database.transaction(lease.claim) as session:
            for kept in retirement.kept_epochs:
                versions.delete_kept_epoch(session, kept.run_id, kept.epoch)
    return retirement


def _plan(session: Session, adapter_name: str, version_number: int) -> Retirement:
    version = versions.get_version(session, adapter_name, version_number)
    if version is None:
        raise ConfigError(f"adapter {adapter_name!r} has no version {version_number}")
    _require_unused(session, version)
    own = stored_adapter(version)
    kept = versions.list_kept_epochs_of_run(session, version.run_id)
    named = {_stored_name(w): w for w in (own, *(epoch_adapter(own, epoch) for epoch in kept))}
    needed = dict(_find_needed(session, version))
    return Retirement(
        version=version,
        weights=tuple(adapter for name, adapter in named.items() if name not in needed),
        kept_epochs=tuple(kept),
        shared_with=tuple(needed[name] for name in named if name in needed),
    )


def _find_needed(session: Session, retired: AdapterVersion) -> Iterator[tuple[str, str]]:
    """Yield the names of all weights that others than this version need, and who needs them."""
    for version in versions.list_versions(session):
        if not version.is_retired and _number(version) != _number(retired):
            label = f"v{version.version_number} of {version.adapter_name}"
            yield _stored_name(stored_adapter(version)), label
    for kept in versions.list_kept_epochs(session):
        if kept.run_id != retired.run_id:
            adapter = epoch_adapter(stored_adapter(retired), kept)
            yield _stored_name(adapter), f"epoch {kept.epoch} of run {kept.run_id}"


def _number(version: AdapterVersion) -> tuple[str, int]:
    return version.adapter_name, version.version_number


def _stored_name(adapter: TrainedAdapter) -> str:
    """Return what weights are called wherever the folder of artifacts was mounted."""
    return PurePath(adapter.artifact_uri).name if adapter.artifact_uri else _address(adapter)


def _address(adapter: TrainedAdapter) -> str:
    return adapter.artifact_uri or adapter.external_id or ""


def _require_unused(session: Session, version: AdapterVersion) -> None:
    """Require that nothing needs the version.

    An alias of an adapter that is no longer declared needs none: no other version can be promoted.

    Raises:
        ConfigError: an alias or an unfinished run does.
    """
    name, number = _number(version)
    is_declared = adapters.get_adapter(session, name) is not None
    for alias in aliases.list_aliases_of(session, name, number) if is_declared else ():
        raise ConfigError(
            f"version {number} of {name!r} is {alias}: promote another version first "
            f"(`sqltune promote {name} VERSION`, or a row of alias_changes)"
        )
    run: Run | None = runs.find_unfinished_run(session, name)
    if run is not None and number in (run.version_number, run.before_version):
        raise ConfigError(
            f"run {run.run_id} of {name!r} needs version {number}: let it end, or cancel it with "
            f"`sqltune cancel {run.run_id}`"
        )


def _announce(session: Session, runtime: Runtime, retirement: Retirement) -> list[int]:
    """Mark the version, and record what will be removed."""
    version, now = retirement.version, runtime.now()
    versions.retire_version(session, *_number(version), now=now)
    return [
        announce_call(
            session,
            version.run_id,
            DELETE_ADAPTER if adapter.artifact_uri is None else DELETE_WEIGHTS,
            _address(adapter),
            now=now,
        )
        for adapter in retirement.weights
    ]


def _settle(
    runtime: Runtime, retirement: Retirement, call_number: int, state: str, outcome: str
) -> None:
    with runtime.database.transaction() as session:
        calls.settle_call(
            session,
            retirement.version.run_id,
            call_number,
            state=state,
            external_id=retirement.version.external_id,
            outcome=outcome,
            now=runtime.now(),
        )
