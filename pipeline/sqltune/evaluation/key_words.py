"""Scores longer texts by the words that matter: those that the question does not give away.

Words of the question and words such as "is a" are in right and wrong answers alike, so they count
in neither. Numbers and denials are compared on their own, since a single one makes an answer wrong.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqltune.evaluation.choices import read_choice, takes_other_choice
from sqltune.evaluation.function_words import Language, find_language
from sqltune.evaluation.negation import NO, YES, contradict, read_claims
from sqltune.evaluation.quantities import drop_quantities, find_quantities, offers_numbers
from sqltune.evaluation.question_echo import drop_question, find_question
from sqltune.evaluation.score_limits import MAX_LINEAR_CHARACTERS, check_texts
from sqltune.evaluation.words import split_words

#: So many times as many key words as expected cost an answer nothing, and so many in any case.
_ROOM, _LEAST_ROOM = 3, 12
#: Factor for an answer with wrong numbers, and for one that denies or fails to deny.
_CONTRADICTED = 0.5
#: Endings of English, in which forms of one word differ, where four letters are before them.
_ENDINGS = re.compile(r"(?<=\w{4})(?:ing|ed|es|e|s)$|(?<=\w{3}[^\Wsui])s$")


@dataclass(frozen=True, slots=True)
class _Expected:
    known: frozenset[str]  #: words of which denials are compared
    keys: frozenset[str]  #: those that are compared
    question: frozenset[str]  #: words that count for nothing since the question has them
    is_given: bool  #: the question has all of its words, so that each one must be there
    language: Language


def score_key_words(response: str, expected: str, prompt: str) -> float:
    """Return the share of the expected key words that the answer has.

    Key words are those of the expected text that are neither function words nor in the question.
    A word in place of a missing one counts as another that is missing. Very long answers, other
    numbers and a denial on one side alone lower the score. Of a choice, whose words the question
    has, all must be there.
    """
    check_texts(response, expected)
    check_texts(prompt, longest=MAX_LINEAR_CHARACTERS)
    wanted = _read_expected(expected, prompt)
    answer = drop_question(response, prompt)
    if not wanted.keys and not _counts(expected):
        return float(split_words(answer) == split_words(expected))
    score = _share(answer, wanted)
    if _differs_in_numbers(answer, expected, prompt):
        # Where the numbers are all that is expected, nothing is right without them.
        score *= _CONTRADICTED if wanted.keys else 0.0
    if takes_other_choice(answer, expected, prompt):
        score *= _CONTRADICTED
    return score * _CONTRADICTED if _contradicts(answer, expected, wanted) else score


def _read_expected(expected: str, prompt: str) -> _Expected:
    question = split_words(find_question(prompt))
    language = find_language([*split_words(expected), *question])
    asked, content = frozenset(map(stem, question)), _content(expected, language)
    choice = read_choice(expected, prompt)
    chosen = frozenset(map(stem, choice.wanted)) if choice and choice.is_sure else frozenset()
    keys = content - (asked - chosen)
    if keys or _adds_numbers(expected, prompt):
        known = (content - asked) | chosen if chosen else content
        return _Expected(known, keys, asked - chosen, False, language)
    return _Expected(content, content, frozenset(), True, language)


def _share(answer: str, wanted: _Expected) -> float:
    found = _content(answer, wanted.language) - wanted.question
    missing = len(wanted.keys - found)
    replaced = min(missing, len(found - wanted.keys))
    share = (len(wanted.keys) - missing) / ((len(wanted.keys) + replaced) or 1)
    if not wanted.keys:
        share = 1.0
    if wanted.is_given and share < 1:
        share *= _CONTRADICTED
    room = max(_ROOM * len(wanted.keys), _LEAST_ROOM)
    return share * min(1.0, room / max(1, len(found)))


def stem(word: str) -> str:
    """Return a word without an English ending, so that opens and open are one."""
    return _ENDINGS.sub("", word)


def _content(text: str, language: Language) -> frozenset[str]:
    weightless = language.weightless | YES | NO
    return frozenset(stem(w) for w in split_words(drop_quantities(text)) if w not in weightless)


def _counts(text: str) -> bool:
    found = find_quantities(text)
    return bool(found.plain or found.minutes)


def _adds_numbers(expected: str, prompt: str) -> bool:
    return find_quantities(expected).adds_to(find_quantities(find_question(prompt)))


def _differs_in_numbers(answer: str, expected: str, prompt: str) -> bool:
    """Whether the answer lacks a number or has another one in place of one of the question's."""
    wanted, found = find_quantities(expected), find_quantities(answer)
    given = find_quantities(find_question(prompt))
    if found.lacks(wanted.without(given)):
        return True
    if found.lacks(wanted) and found.adds_to(wanted):
        return True
    return _counts(expected) and offers_numbers(answer) and not offers_numbers(expected)


def _contradicts(answer: str, expected: str, wanted: _Expected) -> bool:
    digits = frozenset(re.findall(r"\d+", expected))
    known = wanted.known | digits
    language = wanted.language
    claimed = read_claims(expected, known, language, stem)
    return contradict(claimed, read_claims(answer, known, language, stem), language)
