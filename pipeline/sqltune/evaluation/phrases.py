"""Scores answers that have a short expected text in them, as whole words."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from sqltune.evaluation.choices import takes_other_choice
from sqltune.evaluation.question_echo import drop_question
from sqltune.evaluation.score_limits import MAX_LINEAR_CHARACTERS, ScorerError, check_texts
from sqltune.evaluation.words import UNSPACED, fold_text

if TYPE_CHECKING:
    from regex import Pattern

_NO_LETTERS = re.compile(r"[\W_]+")
_SENTENCE_MARKS = ".!?…。"


def score_contains(response: str, expected: str, prompt: str = "") -> float:
    """Return 1 if the answer contains the expected text as whole words.

    Case, blanks, a full stop at the end and a question that the answer repeats count for nothing.
    Where the question leaves a choice, the other one in the answer makes it wrong.
    """
    check_texts(response, expected, prompt, longest=MAX_LINEAR_CHARACTERS)
    text = fold_text(expected)
    if not text:
        raise ScorerError("the expected text is empty, and every answer contains an empty text")
    wanted = text.rstrip(_SENTENCE_MARKS + " ") or text
    answer = drop_question(response, prompt)
    if takes_other_choice(answer, expected, prompt):
        return 0.0
    return float(_has_words(fold_text(answer), wanted))


def score_begins(response: str, expected: str) -> float:
    """Return 1 if the answer begins with the expected text, whatever the case and the marks."""
    check_texts(response, expected, longest=MAX_LINEAR_CHARACTERS)
    wanted = _words(expected)
    if not wanted:
        raise ScorerError("the expected text has no letter, so that every answer begins with it")
    return float(_words(response)[: len(wanted)] == wanted)


def _words(text: str) -> list[str]:
    return _NO_LETTERS.sub(" ", fold_text(text)).split()


def _has_words(text: str, wanted: str) -> bool:
    start = text.find(wanted)
    while start >= 0:
        end = start + len(wanted)
        if not (_joins(text[start - 1 : start + 1]) or _joins(text[end - 1 : end + 1])):
            return True
        start = text.find(wanted, start + 1)
    return False


def _joins(pair: str) -> bool:
    """Whether two characters are inside of one word."""
    return len(pair) == 2 and _inside_word().fullmatch(pair) is not None


@cache
def _inside_word() -> Pattern[str]:
    import regex

    # Hangul has words, but what Korean appends to them is no other word.
    letter = rf"[\p{{L}}\p{{M}}\p{{N}}--[\p{{Hangul}}{UNSPACED}]]"
    return regex.compile(letter * 2, flags=regex.VERSION1)
