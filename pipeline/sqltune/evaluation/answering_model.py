"""What answers the prompts of one phase, as one value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqltune.backends.base import Backend, BaseModel, Decoding, TrainedAdapter


@dataclass(frozen=True, slots=True)
class AnsweringModel:
    """A base model at its backend, alone or with an adapter, and the settings it answers with."""

    backend: Backend
    base_model: BaseModel
    adapter: TrainedAdapter | None  #: None: the base model alone
    decoding: Decoding
    model_key: str  #: hash of base model and adapter; equal ones give equal answers
    decoding_key: str  #: hash of the decoding settings
    #: whether an answer may not be stored, because it is a forgotten text
    is_forgotten: Callable[[str], bool] = lambda text: False
