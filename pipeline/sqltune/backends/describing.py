"""Describes a base model while the run can still be stopped, where a service is asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from sqltune.backends.base import Backend, BaseModel


@runtime_checkable
class AsksService(Protocol):
    """Describes base models that a service has, which may take long to reply."""

    def look_up(
        self, base_model: str, revision: str | None, check: Callable[[], None]
    ) -> BaseModel:
        """Describe a base model as `Backend.describe` does.

        `check` is called several times a second; what it raises ends the wait.
        """
        ...


def describe_base_model(
    backend: Backend, base_model: str, revision: str | None, check: Callable[[], None]
) -> BaseModel:
    """Return what a backend knows of a base model.

    Args:
        backend: the adapter's.
        base_model: its name.
        revision: the one to use; None: the latest.
        check: raises when the work must stop.

    Raises:
        BackendError: the backend does not have the base model.
    """
    if isinstance(backend, AsksService):
        return backend.look_up(base_model, revision, check)
    return backend.describe(base_model, revision)
