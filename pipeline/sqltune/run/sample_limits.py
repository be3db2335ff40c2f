"""What a base model and a backend can read of a sample: its tokens, and its form."""

from __future__ import annotations

from functools import partial

from sqltune import wanted_keys
from sqltune.backends.base import Backend, BaseModel
from sqltune.backends.conversations import ConversationReader
from sqltune.errors import DataError
from sqltune.records import Adapter, Sample
from sqltune.selection import ModelLimits, Problem

#: Room for the words that a prompt form puts around a sample.
_FORM_BYTES = 128


class TokenLimit:
    """Counts the tokens of samples with one prompt that may have too many."""

    def __init__(self, backend: Backend, base_model: BaseModel, adapter: Adapter) -> None:
        """Count as the backend does, in the adapter's prompt format."""
        self.most_tokens = base_model.max_tokens  #: None: no limit
        self.longest_tokens = 0  #: of the samples that were too long
        self._backend = backend
        self._base_model = base_model
        self._prompt_format = adapter.prompt_format

    def count(self, text: str) -> int | None:
        """Return the number of a sample's tokens if they are too many; None: they are not."""
        limit = self.most_tokens
        # A token is at least one byte of text: most samples need no tokenizer.
        if limit is None or len(text.encode("utf-8")) + _FORM_BYTES <= limit:
            return None
        sample = Sample("", text, ".", None, 1.0, None, None)
        counts = self._backend.count_tokens(self._base_model, [sample], self._prompt_format)
        tokens = next(counts).tokens
        if tokens <= limit:
            return None
        self.longest_tokens = max(self.longest_tokens, tokens)
        return tokens


def find_limits(
    backend: Backend, base_model: BaseModel, adapter: Adapter
) -> tuple[ModelLimits, TokenLimit]:
    """Return what a base model cannot read, and what counts the tokens of samples for it."""
    tokens = TokenLimit(backend, base_model, adapter)
    too_long = tokens.count if tokens.most_tokens is not None else None
    return ModelLimits(too_long, partial(check_conversation, backend, base_model, adapter)), tokens


def check_conversation(
    backend: Backend, base_model: BaseModel, adapter: Adapter, sample: Sample
) -> Problem | None:
    """Return why the base model cannot read a conversation of several turns; None: it can."""
    if not isinstance(backend, ConversationReader):
        return None
    options = wanted_keys.training_options(adapter)
    try:
        tokens = backend.count_conversation(base_model, sample, options)
    except DataError as error:
        return Problem(error.code, str(error))
    limit = base_model.max_tokens
    if limit is None or tokens <= limit:
        return None
    return Problem(
        "too_long",
        f"messages have {tokens:,} tokens, more than the {limit:,} that the base model accepts: "
        "shorten them, or choose another base model",
    )
