"""Scores answers that have a short expected text in them, as whole words."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from sqltune.evaluation.choices import takes_other_choice
from sqltune.evaluation.quantities import spell_digits
from sqltune.evaluation.question_echo import drop_question
from sqltune.evaluation.score_limits import MAX_LINEAR_CHARACTERS, ScorerError, check_texts
from sqltune.evaluation.words import UNSPACED, fold_text

if TYPE_CHECKING:
    from regex import Pattern

_BEFORE_UNIT = re.compile(r"(?<=\d) (?=[°%‰€$£])")
#: Written with any apostrophe or with none; without its own, we'll would be well.
_CONTRACTED_NOT = re.compile(r"(?<=n)'(?=t\b)")
#: A sign, or the digits before a point: 20 is not in -20, and 5 not in 3.5.
_NUMBER_BEFORE = re.compile(r"-$|\d[.,:/]$")
_NUMBER_AFTER = re.compile(r"[.,:/]\d")
_PATH = re.compile(r"[/\\]|\w\.\w")
_SLASH = re.compile(r"[/\\]")
_PATH_BEFORE = re.compile(r"[\w/\\.@~-]$")
_PATH_AFTER = re.compile(r"[/\\.@-]\w|~")
_SENTENCE_MARKS = ".!?…。"


def score_contains(response: str, expected: str, prompt: str = "") -> float:
    """Return 1 if the answer contains the expected text as whole words.

    Case, blanks, a full stop at the end and a question that the answer repeats count for nothing.
    Where the question leaves a choice, the other one in the answer makes it wrong.
    """
    check_texts(response, expected, prompt, longest=MAX_LINEAR_CHARACTERS)
    text = _plain(expected)
    if not text:
        raise ScorerError("the expected text is empty, and every answer contains an empty text")
    wanted = text.rstrip(_SENTENCE_MARKS + " ") or text
    answer = drop_question(response, prompt)
    if takes_other_choice(answer, expected, prompt):
        return 0.0
    return float(_has_words(_plain(answer), wanted))


def _plain(text: str) -> str:
    """Return a folded text with digits for number words, no blank before the sign of a unit, and
    don't as dont.
    """
    plain = fold_text(text).replace("−", "-").replace("\u2019", "'")
    return _BEFORE_UNIT.sub("", spell_digits(_CONTRACTED_NOT.sub("", plain)))


def _has_words(text: str, wanted: str) -> bool:
    is_path = _PATH.search(wanted) is not None
    start = text.find(wanted)
    while start >= 0:
        end = start + len(wanted)
        pieces = text[max(0, start - 2) : start], wanted, text[end : end + 2]
        if not (
            _joins(text[start - 1 : start + 1])
            or _joins(text[end - 1 : end + 1])
            or _is_part_of_number(*pieces)
            or (is_path and _is_part_of_path(*pieces))
        ):
            return True
        start = text.find(wanted, start + 1)
    return False


def _is_part_of_number(before: str, wanted: str, after: str) -> bool:
    if wanted[0].isdecimal() and _NUMBER_BEFORE.search(before):
        return True
    return wanted[-1].isdecimal() and _NUMBER_AFTER.match(after) is not None


def _is_part_of_path(before: str, wanted: str, after: str) -> bool:
    """Whether a path or file name continues; a file name alone may be at the end of a path."""
    if before.endswith(("/", "\\")) and _SLASH.search(wanted) is None:
        before = ""
    return _PATH_BEFORE.search(before) is not None or _PATH_AFTER.match(after) is not None


def _joins(pair: str) -> bool:
    """Whether two characters are inside of one word."""
    return len(pair) == 2 and _inside_word().fullmatch(pair) is not None


@cache
def _inside_word() -> Pattern[str]:
    import regex

    # Hangul has words, but what Korean appends to them is no other word.
    letter = rf"[\p{{L}}\p{{M}}\p{{N}}--[\p{{Hangul}}{UNSPACED}]]"
    return regex.compile(letter * 2, flags=regex.VERSION1)
