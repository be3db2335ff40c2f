"""Chooses the scorer of a prompt that names none, by the shape of its expected text."""

from __future__ import annotations

from sqltune.evaluation.code_texts import is_code
from sqltune.evaluation.negation import NO, YES
from sqltune.evaluation.number_readings import is_number
from sqltune.evaluation.score_limits import ScorerError
from sqltune.evaluation.values import parse_json
from sqltune.evaluation.words import fold_text

#: What run_prompts.scorer says of a prompt without an expected text, whose answers are only shown.
NO_SCORER = "none"
#: The scorers that can be chosen.
CHOSEN_SCORERS = frozenset({"json_equal", "code", "number", "begins", "contains", "key_words"})
#: Longest short text, in words and characters.
_SHORT_WORDS, _SHORT_CHARACTERS = 3, 40
_CLAUSE_MARKS = frozenset(",;:、")


def choose_scorer(expected: str | None) -> str:
    """Return the name of the scorer for an expected text; None: there is nothing to compare.

    JSON: its values. Code: the code. A number: the number. A single letter, yes or no: the
    answer's beginning. Up to three words: whether the answer contains them. Anything longer: its
    key words.
    """
    if expected is None:
        return NO_SCORER
    text = expected.strip()
    if not text:
        return "exact"
    if _is_json(text):
        return "json_equal"
    if is_code(text):
        return "code"
    if is_number(text):
        return "number"
    bare = fold_text(text).rstrip(".!。 ")
    # Other words contain them, and sentences that say the opposite have them too.
    if bare in YES | NO or (len(bare) == 1 and bare.isalpha() and bare.isascii()):
        return "begins"
    return "contains" if _is_short(text) else "key_words"


def _is_json(text: str) -> bool:
    """Whether a text is a JSON object or list; a JSON number or text is a number or a text."""
    if not text.startswith(("{", "[")):
        return False
    try:
        parse_json(text)
    except (ValueError, ScorerError):
        return False
    return True


def _is_short(text: str) -> bool:
    return (
        len(text) <= _SHORT_CHARACTERS
        and len(text.split()) <= _SHORT_WORDS
        and _CLAUSE_MARKS.isdisjoint(fold_text(text))
        and len(text.splitlines()) == 1
    )
