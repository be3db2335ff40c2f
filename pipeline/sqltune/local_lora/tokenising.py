"""Samples and prompts as token ids, with the position where the response begins.

Needs a tokenizer but no weights, so that a plan can count tokens before anything is loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqltune.errors import DataError
from sqltune.local_lora.marks import encode, veil
from sqltune.local_lora.prompt_format import FormattedPair, end_ids, format_pair
from sqltune.local_lora.steps import Pair
from sqltune.local_lora.text_bounds import MOST_TOKENS, count_at_least, refuse_long
from sqltune.prompt_formats import PLAIN


@dataclass(frozen=True)
class TokenisedSample:
    """One pair as the model reads it."""

    #: Prompt, response and end mark.
    token_ids: tuple[int, ...]
    #: Index of the first response token; loss counts from here.
    response_start: int
    #: Factor on this sample's loss.
    weight: float = 1.0
    #: Spans of tokens after `response_start` that the loss nevertheless leaves out: begin and end.
    untrained: tuple[tuple[int, int], ...] = ()
    #: As in `Pair`.
    is_rehearsal: bool = False

    @property
    def trained_positions(self) -> Sequence[int]:
        """Positions of the tokens that the loss counts."""
        # The first token of a text has nothing before it that could predict it.
        whole = range(max(self.response_start, 1), len(self.token_ids))
        return [i for i in whole if not _is_in(i, self.untrained)] if self.untrained else whole

    @property
    def trained_tokens(self) -> int:
        """How many tokens the loss counts."""
        return len(self.trained_positions)


def _is_in(place: int, spans: Sequence[tuple[int, int]]) -> bool:
    return any(begin <= place < end for begin, end in spans)


def tokenise_pair(
    pair: Pair,
    tokenizer: Any,
    *,
    max_length: int,
    prompt_format: str = PLAIN,
) -> TokenisedSample:
    """Return a pair as token ids, the response closed as the form closes a turn.

    A form that writes no end gets the end-of-sequence token.

    Raises:
        DataError: the pair has more than `max_length` tokens, or no response token.
    """
    words = (pair.system_prompt or "", pair.prompt, pair.response)
    is_prompt = len(pair.prompt) > len(pair.response)
    refuse_long(words, tokenizer, max_length, column="prompt" if is_prompt else "response")
    texts = format_pair(
        pair.prompt,
        pair.response,
        system_prompt=pair.system_prompt,
        prompt_format=prompt_format,
        tokenizer=tokenizer,
    )
    prompt_ids = _encode_prompt(texts, tokenizer)
    if pair.is_cut:
        # Without what the form writes behind a response.
        response = veil(pair.response, tokenizer).strip()
        end = texts.response.rindex(response) + len(response)
        texts = replace(texts, response=texts.response[:end])
    response_ids = _encode_response(texts, prompt_ids, tokenizer, is_closed=not pair.is_cut)
    ids = (*prompt_ids, *response_ids)
    if len(ids) > max_length:
        raise DataError(
            f"a sample has {len(ids)} tokens and this base model reads {max_length}: shorten it or "
            f"leave it out (it begins with {pair.prompt[:60]!r})",
            column="prompt" if len(prompt_ids) > max_length else "response",
            code="sample_too_long",
        )
    return TokenisedSample(ids, len(prompt_ids), pair.weight, is_rehearsal=pair.is_rehearsal)


def tokenise_prompt(
    prompt: str,
    tokenizer: Any,
    *,
    system_prompt: str | None = None,
    prompt_format: str = PLAIN,
) -> tuple[int, ...]:
    """Return a prompt as token ids, exactly as a tokenised sample begins."""
    texts = format_pair(
        prompt, system_prompt=system_prompt, prompt_format=prompt_format, tokenizer=tokenizer
    )
    return tuple(_encode_prompt(texts, tokenizer))


def count_tokens(
    pair: Pair, tokenizer: Any, *, prompt_format: str = PLAIN, most: int = MOST_TOKENS
) -> int:
    """Return the tokens of a pair: what it costs in one epoch.

    Of a pair that certainly has more than `most` tokens, a number between that and its own.
    """
    words = (pair.system_prompt or "", pair.prompt, pair.response)
    least = count_at_least(words, tokenizer, most)
    if least is not None:
        return least
    unlimited = 2**62
    sample = tokenise_pair(pair, tokenizer, max_length=unlimited, prompt_format=prompt_format)
    return len(sample.token_ids)


def _encode_prompt(texts: FormattedPair, tokenizer: Any) -> list[int]:
    ids = encode(texts.prompt, tokenizer, add_special_tokens=texts.needs_special_tokens).ids
    # A tokenizer that closes every text automatically must not close the prompt.
    while ids and ids[-1] == tokenizer.eos_token_id and texts.needs_special_tokens:
        ids = ids[:-1]
    return ids


def _encode_response(
    texts: FormattedPair, prompt_ids: list[int], tokenizer: Any, *, is_closed: bool
) -> list[int]:
    """Return the response's ids, cut from the joint text if the prompt's ids are the same in it."""
    text = texts.prompt + texts.response
    whole = encode(text, tokenizer, add_special_tokens=texts.needs_special_tokens).ids
    if whole[: len(prompt_ids)] == prompt_ids and len(whole) > len(prompt_ids):
        ids = whole[len(prompt_ids) :]
    else:
        ids = encode(texts.response, tokenizer).ids
    if not is_closed:
        return ids
    end: int | None = tokenizer.eos_token_id
    # A turn may end in another token than a sequence, with a line break behind it.
    if end is not None and end_ids(tokenizer).isdisjoint(ids[-2:]):
        ids = [*ids, end]
    return ids
