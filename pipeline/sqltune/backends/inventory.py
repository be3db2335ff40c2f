"""Stored artifacts: what a backend keeps outside the database, listed and removed.

A backend implements `Inventory` if it can list what it stores; rule 8 of the contract in base.py
says what may be listed and removed. Which artifacts are orphans is decided in operations/gc.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

from sqltune.backends.base import TrainedAdapter


class ArtifactKind(StrEnum):
    """The kinds of stored artifacts."""

    ADAPTER = "adapter"  #: at a service
    WEIGHTS = "weights"  #: files of a finished adapter
    CHECKPOINT = "checkpoint"  #: needed only to resume an unfinished training
    DRAFT = "draft"  #: files that are being written, or whose writing broke off


@dataclass(frozen=True, slots=True)
class StoredArtifact:
    """One artifact that a backend stores, whether or not a run of this database made it."""

    kind: ArtifactKind
    address: str  #: its id at a service, or its path
    name: str  #: its name at the service or in the folder
    run_key: str | None  #: the run key in its name; None: the name contains none
    size_bytes: int | None  #: None: unknown to the backend
    changed_at: datetime | None  #: UTC; None: unknown to the backend


@runtime_checkable
class Inventory(Protocol):
    """Lists and removes what a backend stores, so that orphans can be found and removed."""

    @property
    def place(self) -> str:
        """Where the artifacts are stored: the address of a service, or a folder."""
        ...

    def list_artifacts(self) -> Iterator[StoredArtifact]:
        """Yield every artifact at this place that a run may have made, finished or not.

        Raises:
            BackendError: the backend cannot be reached.
        """
        ...

    def find_missing(self, adapters: Sequence[TrainedAdapter]) -> list[TrainedAdapter]:
        """Return the finished adapters that should be stored at this place and are not.

        Adapters that are stored elsewhere are ignored.

        Raises:
            BackendError: the backend cannot be reached.
        """
        ...

    def remove(self, artifact: StoredArtifact) -> None:
        """Remove a listed artifact; it is no error if it is already gone.

        Raises:
            BackendError: it cannot be removed, or is not stored at this place.
        """
        ...
