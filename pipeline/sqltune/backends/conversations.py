"""What a backend says about conversations of several turns, before any is trained.

A backend implements `ConversationReader` if it cannot train every conversation: one whose base
model has a template for chats, or whose service takes plain text alone.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from sqltune.backends.base import BaseModel, TrainingOptions
from sqltune.records import Sample


@runtime_checkable
class ConversationReader(Protocol):
    """Checks samples with messages as training would read them."""

    def count_conversation(
        self, base_model: BaseModel, sample: Sample, options: TrainingOptions
    ) -> int:
        """Return the number of tokens of a sample with messages.

        Raises:
            DataError: it cannot be trained with these options; the code says why.
        """
        ...
