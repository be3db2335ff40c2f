"""Whether a backend can answer now, while it trains or answers for another thread.

A backend implements `OneModel` if only one base model is in memory at a time.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from sqltune.backends.base import Backend


@runtime_checkable
class OneModel(Protocol):
    """Has one base model in memory, which its users share."""

    def can_answer_now(self, base_model: str, revision: str | None, quantization: str) -> bool:
        """Whether no other base model is in use."""
        ...


def can_answer_now(
    backend: Backend, base_model: str, revision: str | None, quantization: str
) -> bool:
    """Whether an answer would not have to wait until another base model is no longer in use."""
    if not isinstance(backend, OneModel):
        return True
    return backend.can_answer_now(base_model, revision, quantization)
