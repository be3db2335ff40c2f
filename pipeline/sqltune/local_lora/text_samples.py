"""Samples that come as texts and not as prompt and response: trained as a whole, or piece by piece.

Also finds the prompts in such texts, because rehearsal has to know what is asked in them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqltune.errors import DataError
from sqltune.local_lora.tokenising import TokenisedSample

#: The instruction form, however blanks and line breaks stand in it.
_INSTRUCTION = re.compile(r"###\s*Instruction:\s*(.*?)\s*###\s*Response:", re.DOTALL)


@dataclass(frozen=True)
class TextPart:
    """A piece of a sample."""

    #: The words, blanks and all.
    text: str
    #: Whether the loss counts its tokens.
    is_trained: bool = True
    #: Whether `<s>` and alike are the tokenizer's special tokens, or just letters.
    parses_special_tokens: bool = True
    #: Whether its tokens weigh little, though the loss counts them.
    is_faint: bool = False


def tokenise_parts(
    parts: Sequence[TextPart], tokenizer: Any, *, max_length: int, weight: float = 1.0
) -> TokenisedSample:
    """A text as token ids: the parts one behind the other, closed by the end-of-sequence token.

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
    ids: list[int] = []
    left_out: list[tuple[int, int]] = []
    faint: list[tuple[int, int]] = []
    joined = _join_alike(parts)
    for part in joined:
        begin = len(ids)
        ids += _encode(part, tokenizer, opens=begin == 0)
        if part is joined[-1]:
            ids = _close(ids, tokenizer)
        if not part.is_trained:
            left_out.append((begin, len(ids)))
        elif part.is_faint:
            faint.append((begin, len(ids)))
    if len(ids) > max_length:
        raise DataError(
            f"a sample has {len(ids)} tokens and this base model reads {max_length}: shorten it",
            code="sample_too_long",
        )
    return TokenisedSample(tuple(ids), 0, weight, tuple(left_out), tuple(faint))


def set_instructions_back(parts: Sequence[TextPart]) -> list[TextPart]:
    """The same text, with the instructions in it as parts of their own that weigh little.

    For a model of few parameters, to which learning what is asked leaves no room for the answer.
    """
    cut: list[TextPart] = []
    for part in parts:
        place = 0
        for match in _INSTRUCTION.finditer(part.text):
            cut.append(replace(part, text=part.text[place : match.start()]))
            cut.append(replace(part, text=match[0], is_faint=True))
            place = match.end()
        cut.append(replace(part, text=part.text[place:]))
    return [part for part in cut if part.text]


def find_prompts(parts: Sequence[TextPart]) -> list[str]:
    """What is asked in a text: its instructions, else what stands before the part that is trained;
    none is no error.
    """
    found = [text.strip() for text in _INSTRUCTION.findall("".join(part.text for part in parts))]
    if not found and parts and not parts[0].is_trained:
        found = [parts[0].text.strip()]
    return [text for text in found if text]


def is_in_instruction_form(text: str) -> bool:
    """Whether a text has the mark of the instruction form in it."""
    return "### Instruction:" in text


def _join_alike(parts: Sequence[TextPart]) -> list[TextPart]:
    joined: list[TextPart] = []
    for part in parts:
        if joined and replace(joined[-1], text=part.text) == part:
            joined[-1] = replace(part, text=joined[-1].text + part.text)
        else:
            joined.append(part)
    return joined


def _encode(part: TextPart, tokenizer: Any, *, opens: bool) -> list[int]:
    ids: list[int] = tokenizer(
        part.text, add_special_tokens=opens, split_special_tokens=not part.parses_special_tokens
    )["input_ids"]
    end = tokenizer.eos_token_id
    # A tokenizer that closes every text by itself must not close one that goes on.
    if opens and ids and ids[-1] == end and not part.text.endswith(str(tokenizer.eos_token)):
        ids = ids[:-1]
    return ids


def _close(ids: list[int], tokenizer: Any) -> list[int]:
    end: int | None = tokenizer.eos_token_id
    return ids if end is None or end in ids[-1:] else [*ids, end]
