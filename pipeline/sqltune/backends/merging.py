"""Merging: a backend that has both weights writes base model and adapter as one model."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, runtime_checkable

from sqltune.backends.base import TrainedAdapter


@runtime_checkable
class Merging(Protocol):
    """Has base models and finished adapters on this machine."""

    def merge(
        self, base_model: str, revision: str | None, adapter: TrainedAdapter, folder: Path
    ) -> None:
        """Write the model that answers as the adapter does, in a form that transformers loads.

        Raises:
            RequestRejected: the backend has no such base model.
            BackendError: the weights cannot be read, or the folder cannot be written.
        """
        ...
