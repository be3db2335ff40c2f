"""Merging: a backend that has both weights writes base model and adapter as one model."""

from __future__ import annotations

from enum import Enum, auto
from pathlib import Path
from typing import Protocol, runtime_checkable

from sqltune.backends.base import TrainedAdapter


class MergedForm(Enum):
    """In what form a merged model is written."""

    FOLDER = auto()  #: a folder that transformers loads
    GGUF = auto()  #: one file for llama.cpp and Ollama, which transformers loads too


@runtime_checkable
class Merging(Protocol):
    """Has base models and finished adapters on this machine."""

    def merge(
        self,
        base_model: str,
        revision: str | None,
        adapter: TrainedAdapter,
        target: Path,
        form: MergedForm,
    ) -> None:
        """Write the model that answers as the adapter does to a folder or a file.

        Raises:
            RequestRejected: the backend has no such base model, or cannot write it in that form.
            BackendError: the weights cannot be read, or the target cannot be written.
        """
        ...
