"""What every state of a run needs: its scope, its adapter, its base model and the runtime."""

from __future__ import annotations

from dataclasses import dataclass

from sqltune import wanted_keys
from sqltune.backends.base import Backend, BaseModel, Decoding
from sqltune.database.connection import Session
from sqltune.database.run_scope import RunScope
from sqltune.database.tables import manifests, run_events, runs, versions
from sqltune.errors import DataError, LeaseLost
from sqltune.records import Adapter, AdapterVersion, Run
from sqltune.runtime import Runtime
from sqltune.selection import SelectionReader


@dataclass(frozen=True)
class Work:
    """One run as its runner carries it out."""

    runtime: Runtime
    scope: RunScope
    adapter: Adapter  #: the row as it was when the run began
    base_model: BaseModel

    @property
    def backend(self) -> Backend:
        """The backend that the adapter's row names."""
        return self.runtime.backend(self.adapter.backend)

    @property
    def decoding(self) -> Decoding:
        """How every prompt of this run is answered."""
        return wanted_keys.decoding_of(self.adapter)

    @property
    def selection_reader(self) -> SelectionReader:
        """What reads the adapter's selections for this run."""
        return self.runtime.selection_reader(self.scope.check)

    def run(self) -> Run:
        """Read the run's row.

        Raises:
            LeaseLost: it was deleted.
        """
        with self.scope.read() as session:
            run = runs.get_run(session, self.scope.run_id)
        if run is None:
            raise LeaseLost(f"the row of run {self.scope.run_id} was deleted")
        return run

    def say(self, message: str) -> None:
        """Report what happened in this run to the person who watches."""
        self.runtime.reporter.say(f"  {message}")


def get_version(work: Work, version_number: int | None) -> AdapterVersion:
    """Return a version of the run's adapter.

    Raises:
        DataError: its row was deleted.
    """
    name = work.adapter.adapter_name
    with work.scope.read() as session:
        version = versions.get_version(session, name, version_number or 0)
    if version is None:
        raise DataError(
            f"version {version_number} of {name!r} was deleted; use --force to train a new one"
        )
    return version


def get_manifest_fingerprint(work: Work, manifest_id: int) -> str:
    """Return the fingerprint of a manifest's samples, without the bad rows that were skipped.

    Raises:
        DataError: the manifest was deleted.
    """
    with work.scope.read() as session:
        manifest = manifests.get_manifest(session, manifest_id)
    if manifest is None or manifest.fingerprint is None:
        raise DataError(f"manifest {manifest_id} was deleted; use --force to start a new run")
    return manifest.fingerprint


def add_event(work: Work, session: Session, event: str, message: str) -> None:
    """Record what happened as an event of the run."""
    run_events.add_event(session, work.scope.run_id, event, message, now=work.scope.now())


def count_noun(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural where that is due."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
