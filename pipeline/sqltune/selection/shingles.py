"""Texts as sets of short pieces, by which nearly equal ones are recognised."""

from __future__ import annotations

import re
from zlib import crc32

#: Characters of a piece.
PIECE_LENGTH = 5
#: Characters of a text that count: more take time and memory and make no other text of it.
_LONGEST = 10_000
_DIGITS = re.compile(r"\d+")


def shingles(text: str) -> set[str]:
    """Return all pieces of five characters of a text, whatever its case and blanks."""
    folded = fold(text)
    last = max(0, len(folded) - PIECE_LENGTH)
    return {folded[start : start + PIECE_LENGTH] for start in range(last + 1)}


def count_shingles(text: str) -> int:
    """Return about how many pieces a text has, without making them."""
    return min(len(text), _LONGEST)


def fold(text: str) -> str:
    """Return the beginning of a text without regard to case and blanks."""
    return " ".join(text[:_LONGEST].casefold().split())


def hash_numbers(text: str) -> int:
    """Return a hash of a text's numbers in their order, of 32 bits.

    Texts with other numbers are not nearly equal: order 17 is not order 18.
    """
    return crc32(" ".join(_DIGITS.findall(text)).encode())


def similarity(first: set[str], second: set[str]) -> float:
    """Return the share of pieces that both texts have: https://en.wikipedia.org/wiki/Jaccard_index."""
    union = len(first | second)
    return len(first & second) / union if union else 1.0
