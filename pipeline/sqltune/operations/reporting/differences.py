"""Marks the words in which two answers differ."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_TOKEN = re.compile(r"\s+|\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class AnswerPart:
    """A piece of a text."""

    text: str
    is_marked: bool  #: the other text does not have it at this place


def mark_differences(before: str, after: str) -> tuple[list[AnswerPart], list[AnswerPart]]:
    """Return the parts of both texts, those marked that the other one lacks."""
    from rapidfuzz.distance import LCSseq

    old, new = _TOKEN.findall(before), _TOKEN.findall(after)
    removed, added = [True] * len(old), [True] * len(new)
    for code in LCSseq.opcodes(old, new):
        if code.tag == "equal":
            removed[code.src_start : code.src_end] = [False] * (code.src_end - code.src_start)
            added[code.dest_start : code.dest_end] = [False] * (code.dest_end - code.dest_start)
    return list(_join(old, removed)), list(_join(new, added))


def _join(tokens: Sequence[str], marks: Sequence[bool]) -> Iterable[AnswerPart]:
    """Yield runs of tokens with one mark; a blank between two marked words is marked with them."""
    text, is_marked = "", False
    for at, token in enumerate(tokens):
        mark = marks[at]
        if token.isspace():
            mark = is_marked and at + 1 < len(tokens) and marks[at + 1]
        if text and mark != is_marked:
            yield AnswerPart(text, is_marked)
            text = ""
        text, is_marked = text + token, mark
    if text:
        yield AnswerPart(text, is_marked)
