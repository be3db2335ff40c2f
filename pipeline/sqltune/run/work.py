"""One run in the hands of one runner, and what every stage of it needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqltune import wanted_keys
from sqltune.backends.base import Backend, BaseModel, Decoding
from sqltune.database.connection import Session
from sqltune.database.tables import runs, versions
from sqltune.errors import DataError, LeaseLost
from sqltune.records import Adapter, AdapterVersion, Claim, Run
from sqltune.runtime import Runtime


@dataclass(frozen=True)
class Work:
    """One run in the hands of one runner."""

    runtime: Runtime
    claim: Claim
    run_id: int
    adapter: Adapter  #: the row as it was when the run began
    base_model: BaseModel
    check: Callable[[], None]  #: raises when the run must not go on

    @property
    def backend(self) -> Backend:
        """The backend that the adapter's row names."""
        return self.runtime.backend(self.adapter.backend)

    @property
    def decoding(self) -> Decoding:
        """How every prompt of this run is answered."""
        return wanted_keys.decoding_of(self.adapter)

    def run(self) -> Run:
        """Read the run's row."""
        with self.runtime.database.read() as session:
            run = runs.get_run(session, self.run_id)
        if run is None:
            raise LeaseLost(f"the row of run {self.run_id} was deleted")
        return run


def find_version(work: Work, version_number: int | None) -> AdapterVersion:
    """Give a version of the run's adapter.

    Raises:
        DataError: its row is gone.
    """
    name = work.adapter.adapter_name
    with work.runtime.database.read() as session:
        version = versions.get_version(session, name, version_number or 0)
    if version is None:
        raise DataError(
            f"version {version_number} of {name!r} was deleted; use --force to train anew"
        )
    return version


def add_event(work: Work, session: Session, event: str, message: str) -> None:
    """Write down what happened."""
    runs.add_event(session, work.run_id, event, message, now=work.runtime.now())


def count_noun(number: int, noun: str) -> str:
    """Give a number with its noun."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
