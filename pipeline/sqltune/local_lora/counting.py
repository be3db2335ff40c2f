"""Token counts of samples as training would read them, without loading weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from sqltune.local_lora.conversations import count_conversation, tokenise_conversation, words_of
from sqltune.local_lora.loading import load_tokenizer
from sqltune.local_lora.prompt_format import resolve_format
from sqltune.local_lora.sources import BaseModelSource
from sqltune.local_lora.steps import Pair
from sqltune.local_lora.text_bounds import MOST_TOKENS, count_at_least
from sqltune.local_lora.tokenising import count_tokens
from sqltune.records import Message, Sample


def count_sample_tokens(
    source: BaseModelSource, samples: Iterable[Sample], prompt_format: str, most: int | None
) -> Iterator[int]:
    """Yield the tokens of each sample: prompt form, response and end mark.

    Of a sample that certainly has more than `most` tokens, a number between that and its own.
    """
    most = most or MOST_TOKENS
    tokenizer = read_tokenizer(source)
    form = resolve_format(prompt_format, tokenizer)
    for sample in samples:
        if sample.messages is None:
            yield count_tokens(Pair.from_sample(sample), tokenizer, prompt_format=form, most=most)
        else:
            yield count_conversation(sample.messages, tokenizer, prompt_format=form, most=most)


def count_trained_conversation(
    source: BaseModelSource,
    messages: Sequence[Message],
    train_on: str,
    prompt_format: str,
    most: int | None,
) -> int:
    """Return the tokens of a conversation as it is trained; `most` as in `count_sample_tokens`.

    Raises:
        DataError: its turns cannot be separated, or the chat template does not accept it.
    """
    tokenizer = read_tokenizer(source)
    least = count_at_least(words_of(messages), tokenizer, most or MOST_TOKENS)
    if least is not None:
        return least
    sample = tokenise_conversation(
        messages,
        tokenizer,
        max_length=2**62,
        prompt_format=resolve_format(prompt_format, tokenizer),
        train_on=train_on,
    )
    return len(sample.token_ids)


@lru_cache(maxsize=2)
def read_tokenizer(source: BaseModelSource) -> Any:
    """Return a base model's tokenizer; it is read once."""
    return load_tokenizer(source)
