"""Samples that are texts and not pairs of prompt and response: trained as a whole, or in parts.

Also finds the prompts in such texts, because rehearsal depends on what is asked in them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqltune.errors import DataError
from sqltune.local_lora.marks import encode, veil
from sqltune.local_lora.text_bounds import refuse_long
from sqltune.local_lora.tokenising import TokenisedSample

#: The marks of the instruction form, with any spaces and line breaks. One pattern for a whole pair
#: would read a text of marks without an end over and over.
_MARK = re.compile(r"###\s*(?:(?P<opens>Instruction)|Response):")


@dataclass(frozen=True)
class TextPart:
    """A piece of a sample."""

    #: The words, spaces included.
    text: str
    #: Whether the loss counts its tokens.
    is_trained: bool = True
    #: Whether `<s>` and similar are the tokenizer's special tokens, or just letters.
    parses_special_tokens: bool = True


def tokenise_parts(
    parts: Sequence[TextPart], tokenizer: Any, *, max_length: int, weight: float = 1.0
) -> TokenisedSample:
    """Return a text as token ids: all parts in order, closed by the end-of-sequence token.

    Neighbours that are treated alike are read as one text; others are cut where a part ends. The
    closing token counts in the loss as the last part does.

    Args:
        parts: the pieces; empty for a sample that trains nothing.
        tokenizer: the base model's.
        max_length: tokens that it reads.
        weight: factor on the sample's loss.

    Raises:
        DataError: the text has more than `max_length` tokens.
    """
    refuse_long([part.text for part in parts], tokenizer, max_length, column="inputs")
    ids: list[int] = []
    untrained: list[tuple[int, int]] = []
    joined = _join_alike(parts)
    for part in joined:
        begin = len(ids)
        ids += _encode(part, tokenizer, opens=begin == 0)
        if part is joined[-1]:
            ids = _close(ids, tokenizer)
        if not part.is_trained:
            untrained.append((begin, len(ids)))
    if len(ids) > max_length:
        raise DataError(
            f"a sample has {len(ids)} tokens and this base model reads {max_length}: shorten it",
            code="sample_too_long",
        )
    return TokenisedSample(tuple(ids), 0, weight, tuple(untrained))


def split_instructions(text: str) -> list[TextPart]:
    """Return a text in the instruction form as parts of which only what is answered is trained.

    What stands before the first instruction belongs to it. Any other text, and one without an
    answer, is one part.
    """
    parts: list[TextPart] = []
    place = 0
    for asked in _find_instructions(text):
        begin = place if not parts else asked.begin
        parts += [TextPart(text[place:begin]), TextPart(text[begin : asked.end], False)]
        place = asked.end
    parts = [part for part in (*parts, TextPart(text[place:])) if part.text]
    is_answered = any(part.is_trained and part.text.strip() for part in parts)
    return parts if is_answered else [TextPart(text)]


def find_prompts(parts: Sequence[TextPart]) -> list[str]:
    """Return what is asked in a text: its instructions, else the untrained part that begins it.

    A text may have neither.
    """
    found = [asked.words for asked in _find_instructions("".join(part.text for part in parts))]
    if not found and parts and not parts[0].is_trained:
        found = [parts[0].text.strip()]
    return [text for text in found if text]


def is_in_instruction_form(text: str) -> bool:
    """Return whether a text contains the mark of the instruction form."""
    return "### Instruction:" in text


@dataclass(frozen=True, slots=True)
class _Instruction:
    """An instruction in a text, from its mark to the end of the mark of its response."""

    begin: int
    end: int
    words: str


def _find_instructions(text: str) -> list[_Instruction]:
    """Return the instructions that have the mark of a response, by one pass over the text."""
    found: list[_Instruction] = []
    opened: re.Match[str] | None = None
    for mark in _MARK.finditer(text):
        if opened is None:
            opened = mark if mark["opens"] else None
        elif not mark["opens"]:
            words = text[opened.end() : mark.start()].strip()
            found.append(_Instruction(opened.start(), mark.end(), words))
            opened = None
    return found


def _join_alike(parts: Sequence[TextPart]) -> list[TextPart]:
    joined: list[TextPart] = []
    for part in parts:
        if joined and replace(joined[-1], text=part.text) == part:
            joined[-1] = replace(part, text=joined[-1].text + part.text)
        else:
            joined.append(part)
    return joined


def _encode(part: TextPart, tokenizer: Any, *, opens: bool) -> list[int]:
    text = part.text if part.parses_special_tokens else veil(part.text, tokenizer)
    ids = list(encode(text, tokenizer, add_special_tokens=opens).ids)
    end = tokenizer.eos_token_id
    # A tokenizer that closes every text automatically must not close one that continues.
    if opens and ids and ids[-1] == end and not part.text.endswith(str(tokenizer.eos_token)):
        ids = ids[:-1]
    return ids


def _close(ids: list[int], tokenizer: Any) -> list[int]:
    end: int | None = tokenizer.eos_token_id
    return ids if end is None or end in ids[-1:] else [*ids, end]
