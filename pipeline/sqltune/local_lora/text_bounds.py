"""Refuses texts that are certainly too long before they are tokenised as a whole. No torch.

Tokenising takes about a hundred times a text's memory and cannot be interrupted, so a text is
measured by its bytes first, and a long one is read in slices until the limit is reached.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from sqltune.errors import DataError
from sqltune.local_lora.marks import encode, veil

#: For base models that name no limit: many times what any machine of one person trains.
MOST_TOKENS = 1_000_000
_SLICE_CHARACTERS = 50_000
#: A slice may have this many tokens more than its part of the whole text.
_TOKENS_AT_CUTS = 64


def count_at_least(texts: Sequence[str], tokenizer: Any, most: int) -> int | None:
    """Return how many tokens texts have at least, if that is more than `most`; None: they may fit.

    Args:
        texts: people's words, without a form around them.
        tokenizer: the base model's.
        most: tokens that are allowed.

    Raises:
        DataError: the tokenizer cannot read them.
    """
    # A token is at least a byte.
    size = sum(len(text) if text.isascii() else len(text.encode()) for text in texts)
    if size <= most:
        return None
    longest = _longest_token_bytes(tokenizer, len(tokenizer))
    if size > most * longest:
        return size // longest
    if size <= _SLICE_CHARACTERS:
        return None
    counted = 0
    for part in _cut(texts):
        counted += max(0, len(encode(veil(part, tokenizer), tokenizer).ids) - _TOKENS_AT_CUTS)
        if counted > most:
            return counted
    return None


def refuse_long(texts: Sequence[str], tokenizer: Any, most: int, *, column: str) -> None:
    """Require that texts may fit.

    Raises:
        DataError: they certainly have more than `most` tokens, or cannot be read.
    """
    least = count_at_least(texts, tokenizer, most)
    if least is not None:
        raise DataError(
            f"a sample has at least {least:,} tokens and this base model reads {most:,}: shorten "
            "it or leave it out",
            column=column,
            code="sample_too_long",
        )


def _cut(texts: Iterable[str]) -> Iterable[str]:
    for text in texts:
        for begin in range(0, len(text), _SLICE_CHARACTERS):
            yield text[begin : begin + _SLICE_CHARACTERS]


@lru_cache(maxsize=8)
def _longest_token_bytes(tokenizer: Any, size: int) -> int:
    """Return the bytes of the longest token; the vocabulary's size is part of the key."""
    return max(len(token.encode()) for token in tokenizer.get_vocab())
