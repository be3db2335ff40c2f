"""Why an answer may depend on more than its prompt, said in the run's events.

A backend implements `Varying` if greedy answers of a base model that it has loaded may differ with
the prompts that are answered in the same batch.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from sqltune.backends.base import (
    Backend,
    BaseModel,
    Decoding,
    TrainedAdapter,
    choose_quantization,
)


@runtime_checkable
class Varying(Protocol):
    """Answers several prompts at once."""

    def explain_variation(self, base_model: BaseModel, quantization: str) -> str | None:
        """Return why this base model's answers may vary, or None: they do not, or it gave none."""
        ...


def explain_variation(
    backend: Backend, base_model: BaseModel, adapter: TrainedAdapter | None, decoding: Decoding
) -> str | None:
    """Return why answers that this backend has just given may vary, or None."""
    if not isinstance(backend, Varying):
        return None
    return backend.explain_variation(base_model, choose_quantization(adapter, decoding))
