"""Why an answer may depend on more than its prompt, said in the run's events.

A backend implements `Varying` if greedy answers of a base model that it has loaded may differ with
the prompts that are answered in the same batch.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from sqltune.backends.base import Backend


@runtime_checkable
class Varying(Protocol):
    """Answers several prompts at once."""

    def explain_variation(self) -> str | None:
        """Return why answers may vary, or None where they do not or nothing was answered."""
        ...


def explain_variation(backend: Backend) -> str | None:
    """Return why answers that this backend has just given may vary, or None."""
    return backend.explain_variation() if isinstance(backend, Varying) else None
