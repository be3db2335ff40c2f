"""Texts as scorers compare them: normalised, and split into words for any script."""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regex import Pattern

#: Scripts that are written without spaces between words: each character counts as a word.
_UNSPACED = (
    r"\p{Han}\p{Hiragana}\p{Katakana}\p{Bopomofo}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}"
)


def split_words(text: str) -> list[str]:
    """Return the words of a text without regard to case, width or punctuation."""
    return _word_pattern().findall(unicodedata.normalize("NFKC", text).casefold())


def fold_text(text: str) -> str:
    """Return a text without regard to case, width and the kind and number of spaces."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def trim_text(text: str) -> str:
    """Return a text without space around it, with composed characters in one form."""
    return unicodedata.normalize("NFC", text).strip()


@cache
def _word_pattern() -> Pattern[str]:
    import regex

    pattern = rf"[{_UNSPACED}]\p{{M}}*|[\w--[{_UNSPACED}]]+"
    return regex.compile(pattern, flags=regex.VERSION1)
