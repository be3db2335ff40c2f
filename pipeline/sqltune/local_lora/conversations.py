"""Conversations as token ids, with the spans of the assistant's turns that are trained.

How a conversation becomes text is in conversation_texts.py. Needs a tokenizer but no weights, as
tokenising.py does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqltune.errors import DataError
from sqltune.local_lora.conversation_texts import (
    RenderedConversation,
    list_marks,
    render_conversation,
    render_question,
)
from sqltune.local_lora.marks import Span, encode, reveal
from sqltune.local_lora.steps import Pair
from sqltune.local_lora.text_bounds import MOST_TOKENS, count_at_least, refuse_long
from sqltune.local_lora.tokenising import TokenisedSample, tokenise_pair
from sqltune.records import Message


def tokenise_sample(
    pair: Pair, tokenizer: Any, *, max_length: int, prompt_format: str
) -> TokenisedSample:
    """Return a pair as token ids, or its conversation.

    Raises:
        DataError: it has more than `max_length` tokens, or its turns cannot be separated.
    """
    if pair.messages is None:
        return tokenise_pair(pair, tokenizer, max_length=max_length, prompt_format=prompt_format)
    sample = tokenise_conversation(
        pair.messages,
        tokenizer,
        max_length=max_length,
        prompt_format=prompt_format,
        train_on=pair.train_on,
    )
    return replace(sample, weight=pair.weight, is_rehearsal=pair.is_rehearsal)


def tokenise_conversation(
    messages: Sequence[Message],
    tokenizer: Any,
    *,
    max_length: int,
    prompt_format: str,
    train_on: str = "all",
) -> TokenisedSample:
    """Return a conversation as token ids; the end of every trained turn is trained with it.

    Args:
        messages: the last one is the assistant's.
        tokenizer: the base model's.
        max_length: tokens that it reads.
        prompt_format: `chat` renders with the chat template; another one gives each pair of turns
            the form of a prompt and its response.
        train_on: all turns of the assistant, or only the last.

    Raises:
        DataError: it has more than `max_length` tokens, the template does not accept it, or
            renders its earlier turns otherwise than alone (`template_rewrites_turns`).
    """
    refuse_long(words_of(messages), tokenizer, max_length, column="messages")
    turns = _trained_turns(messages, train_on)
    rendered = render_conversation(messages, turns, tokenizer, prompt_format)
    ids, offsets, places = _encode(rendered, tokenizer)
    spans = [_find_tokens(offsets, span) for span in places]
    if turns[-1] == len(messages) - 1 and _is_open(ids[slice(*spans[-1])], tokenizer):
        ids = [*ids, tokenizer.eos_token_id]
        spans[-1] = (spans[-1][0], len(ids))
    if len(ids) > max_length:
        raise DataError(
            f"a conversation has {len(ids)} tokens and this base model reads {max_length}: "
            "shorten it or leave it out",
            column="messages",
            code="sample_too_long",
        )
    return TokenisedSample(tuple(ids), spans[0][0], untrained=_gaps(spans, len(ids)))


def tokenise_question(
    messages: Sequence[Message], tokenizer: Any, *, prompt_format: str
) -> tuple[int, ...]:
    """Return a conversation that the assistant is to continue, as token ids.

    Raises:
        DataError: the template does not accept it.
    """
    return tuple(_encode(render_question(messages, tokenizer, prompt_format), tokenizer)[0])


def words_of(messages: Sequence[Message]) -> list[str]:
    """Return what people wrote in a conversation."""
    return [text for message in messages for text in (message.content, message.extra) if text]


def count_conversation(
    messages: Sequence[Message], tokenizer: Any, *, prompt_format: str, most: int = MOST_TOKENS
) -> int:
    """Return the tokens of a conversation, whatever is trained of it.

    Of one that certainly has more than `most` tokens, a number between that and its own.
    """
    least = count_at_least(words_of(messages), tokenizer, most)
    if least is not None:
        return least
    last = tokenise_conversation(
        messages,
        tokenizer,
        max_length=2**62,
        prompt_format=prompt_format,
        train_on="last",
    )
    return len(last.token_ids)


def _trained_turns(messages: Sequence[Message], train_on: str) -> tuple[int, ...]:
    turns = [i for i, m in enumerate(messages) if m.role == "assistant" and m.is_trained]
    return tuple(turns[-1:] if train_on == "last" else turns)


def _encode(
    rendered: RenderedConversation, tokenizer: Any
) -> tuple[list[int], list[Span], list[Span]]:
    """Return token ids, the place of each token in the text as read, and those of the turns."""
    read = encode(rendered.text, tokenizer, add_special_tokens=rendered.needs_special_tokens)
    ids, offsets, places = list(read.ids), list(read.offsets), list(rendered.turns)
    # A tokenizer that closes every text automatically closes none here: the text has its ends.
    while offsets and offsets[-1][0] == offsets[-1][1]:
        ids.pop()
        offsets.pop()
    if read.is_revealed:

        def place(end: int) -> int:
            return len(reveal(rendered.text[:end], tokenizer))

        places = [(place(begin), place(end)) for begin, end in places]
    return ids, offsets, places


def _find_tokens(offsets: Sequence[Span], span: Span) -> Span:
    """Return the tokens that have a character of the span: begin and end."""
    begin, end = span
    inside = [i for i, (first, last) in enumerate(offsets) if first < end and last > begin]
    return inside[0], inside[-1] + 1


def _is_open(ids: Sequence[int], tokenizer: Any) -> bool:
    """Whether the template wrote no end of the turn, and the tokenizer has one."""
    marks = tokenizer.convert_tokens_to_ids(list_marks(tokenizer))
    return tokenizer.eos_token_id is not None and ids[-1] not in marks


def _gaps(spans: Sequence[Span], length: int) -> tuple[Span, ...]:
    ends = [end for _, end in spans]
    begins = [*(begin for begin, _ in spans[1:]), length]
    return tuple(gap for gap in zip(ends, begins, strict=True) if gap[0] < gap[1])
