"""Texts as scorers compare them: one normalisation, and SQuAD's words for any script.

On ASCII texts the words are exactly SQuAD's. Beyond ASCII its rules are continued: every mark of
punctuation is removed as the ASCII ones are, full width is plain width, invisible characters
count for nothing, and a script that is written without spaces has one word a character. Articles
are the English ones in every language, because a text does not name its own.
"""

from __future__ import annotations

import re
import string
import unicodedata
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regex import Pattern

#: Scripts that are written without spaces between words: each character counts as a word.
UNSPACED = (
    r"\p{Han}\p{Hiragana}\p{Katakana}\p{Bopomofo}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}"
)
_ARTICLES = re.compile(r"\b(a|an|the)\b")
#: Their plain forms would be other numbers: 10² is not 102.
_KEPT_FORMS = ("<super>", "<sub>", "<fraction>")


def split_words(text: str) -> list[str]:
    """Return a text's words without regard to case, punctuation and articles, as SQuAD does.

    https://github.com/rajpurkar/SQuAD-explorer, evaluate-v2.0.py
    """
    bare = "".join(each for each in fold_text(text) if not _is_punctuation(each))
    return _word_pattern().findall(_ARTICLES.sub(" ", bare))


def fold_text(text: str) -> str:
    """Return a text without regard to case, width and the kind and number of spaces."""
    if not text.isascii():
        composed = unicodedata.normalize("NFC", text)
        text = unicodedata.normalize("NFC", "".join(map(_plain_form, composed)))
    return " ".join(text.casefold().split())


def trim_text(text: str) -> str:
    """Return a text without space around it, with composed characters in one form."""
    return unicodedata.normalize("NFC", text).strip()


@cache
def _plain_form(character: str) -> str:
    if unicodedata.category(character) == "Cf":
        return ""
    is_kept = unicodedata.decomposition(character).startswith(_KEPT_FORMS)
    return character if is_kept else unicodedata.normalize("NFKC", character)


@cache
def _is_punctuation(character: str) -> bool:
    is_ascii_mark = character in string.punctuation  # of which Unicode calls some symbols
    return is_ascii_mark or unicodedata.category(character).startswith("P")


@cache
def _word_pattern() -> Pattern[str]:
    import regex

    return regex.compile(rf"[{UNSPACED}]\p{{M}}*|[^\s{UNSPACED}]+", flags=regex.VERSION1)
