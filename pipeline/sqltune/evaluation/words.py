"""Texts as scorers see them: normalised, and split into words for any script."""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regex import Pattern

#: Scripts that are written without blanks between words: each character counts as a word.
_UNSPACED = (
    r"\p{Han}\p{Hiragana}\p{Katakana}\p{Bopomofo}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}"
)


def split_words(text: str) -> list[str]:
    """Give the words of a text without regard to case, width or punctuation."""
    return _word_pattern().findall(unicodedata.normalize("NFKC", text).casefold())


def fold_text(text: str) -> str:
    """Give a text without regard to case, width and the kind and number of blanks."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def trim_text(text: str) -> str:
    """Give a text without blanks around it, in one spelling of composed characters."""
    return unicodedata.normalize("NFC", text).strip()


@cache
def _word_pattern() -> Pattern[str]:
    import regex

    pattern = rf"[{_UNSPACED}]\p{{M}}*|[\w--[{_UNSPACED}]]+"
    return regex.compile(pattern, flags=regex.VERSION1)
