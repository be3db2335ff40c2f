"""Answers beside a run, where a backend has one base model in memory at a time.

Such a backend implements `OneModel`. Its `answer` waits for the model, as a run must; questions,
which would wait for hours, are asked by `answer_now`.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Protocol, runtime_checkable

from sqltune.backends.base import (
    Answer,
    AnswerRequest,
    Backend,
    BaseModel,
    Decoding,
    TrainedAdapter,
)


@runtime_checkable
class OneModel(Protocol):
    """Has one base model in memory, which its users share."""

    def answer_now(
        self,
        base_model: BaseModel,
        adapter: TrainedAdapter | None,
        requests: Sequence[AnswerRequest],
        decoding: Decoding,
    ) -> Generator[Answer, None, None]:
        """Do the same as `answer`, or raise BackendUnavailable if another base model is in use."""
        ...


def answer_now(
    backend: Backend,
    base_model: BaseModel,
    adapter: TrainedAdapter | None,
    requests: Sequence[AnswerRequest],
    decoding: Decoding,
) -> Generator[Answer, None, None]:
    """Yield answers without waiting for the end of a training.

    Raises:
        BackendUnavailable: another base model is in use.
    """
    if isinstance(backend, OneModel):
        return backend.answer_now(base_model, adapter, requests, decoding)
    return backend.answer(base_model, adapter, requests, decoding)
