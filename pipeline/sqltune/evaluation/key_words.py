"""Scores longer texts by the words that matter: those that the question does not give away.

Words of the question and words such as "is a" are in right and wrong answers alike, so they count
in neither.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqltune.evaluation.function_words import Language, find_language
from sqltune.evaluation.number_readings import find_numbers, is_same_number
from sqltune.evaluation.question_echo import drop_question, find_question
from sqltune.evaluation.score_limits import MAX_LINEAR_CHARACTERS, check_texts
from sqltune.evaluation.words import split_words

#: So many times as many key words as expected cost an answer nothing, and so many in any case.
_ROOM, _LEAST_ROOM = 3, 12
#: Factor for an answer that lacks an expected number, and for one that denies or fails to deny.
_CONTRADICTED = 0.5
_SENTENCE_END = re.compile(r"[.!?](?:\s|$)|[。\uff01\uff1f\n]")


@dataclass(frozen=True, slots=True)
class _Expected:
    text: str
    keys: frozenset[str]
    question: frozenset[str]  #: words that count for nothing since the question has them
    is_given: bool  #: the question has all of its words, so that each one must be there
    language: Language


def score_key_words(response: str, expected: str, prompt: str) -> float:
    """Return the share of the expected key words that the answer has.

    Key words are those of the expected text that are neither function words nor in the question.
    Very long answers, missing numbers and a denial on one side alone lower the score. Of a choice,
    whose words the question has, all must be there.
    """
    check_texts(response, expected, prompt, longest=MAX_LINEAR_CHARACTERS)
    wanted = _read_expected(expected, prompt)
    answer = drop_question(response, prompt)
    found = frozenset(split_words(answer)) - wanted.language.weightless - wanted.question
    if not wanted.keys:
        return float(split_words(answer) == split_words(expected))
    share = len(wanted.keys & found) / len(wanted.keys)
    if wanted.is_given and share < 1:
        share *= _CONTRADICTED
    room = max(_ROOM * len(wanted.keys), _LEAST_ROOM)
    share *= min(1.0, room / max(1, len(found)))
    if _lacks_number(answer, expected, prompt):
        share *= _CONTRADICTED
    return share * _CONTRADICTED if _contradicts(answer, wanted) else share


def _read_expected(expected: str, prompt: str) -> _Expected:
    words, asked = split_words(expected), frozenset(split_words(find_question(prompt)))
    language = find_language([*words, *asked])
    content = frozenset(words) - language.weightless
    if content <= asked:  # a choice that the question offers: its words are all there is
        return _Expected(expected, content or frozenset(words), frozenset(), True, language)
    return _Expected(expected, content - asked, asked, False, language)


def _lacks_number(answer: str, expected: str, prompt: str) -> bool:
    given, found = find_numbers(find_question(prompt)), find_numbers(answer)
    return any(
        not any(is_same_number(number, each) for each in found)
        for number in find_numbers(expected)
        if not any(is_same_number(number, each) for each in given)
    )


def _contradicts(answer: str, wanted: _Expected) -> bool:
    """Whether only one of both texts denies: of the answer, the sentence that has the key words."""
    negations = wanted.language.negations
    if not negations.isdisjoint(split_words(wanted.text)):
        return negations.isdisjoint(split_words(answer))
    return not negations.isdisjoint(_closest_sentence(_SENTENCE_END.split(answer), wanted.keys))


def _closest_sentence(sentences: Sequence[str], keys: frozenset[str]) -> list[str]:
    return max(map(split_words, sentences), key=lambda words: len(keys & frozenset(words)))
