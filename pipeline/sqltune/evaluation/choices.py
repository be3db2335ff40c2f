"""Finds answers that take the other one of two things between which a question leaves the choice.

Read are the words beside "or" and the commas of a list before it: "fish or mammal", "Anna or Ben".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from sqltune.evaluation.function_words import Language, find_language
from sqltune.evaluation.negation import is_denial, split_clauses
from sqltune.evaluation.question_echo import find_question
from sqltune.evaluation.words import fold_text, split_words

_ARTICLES = frozenset({"a", "an", "the"})
_CHUNK_ENDS = re.compile(r"[,:;?!.](?=\s|$)|[\uff1f\n]")
_WORD = re.compile(r"\w+")
#: Bigger than the moon: what is compared with is not the answer.
_COMPARED = re.compile(
    r"\b(?:than|als|dan|(?:plus|moins|más|menos|mais|più|meno)\s+\w+\s+(?:do\s+)?(?:que|che|d\w*))\b"
    r"[^,;.!?\n]*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Choice:
    """What the expected text takes of what a question offers, and what it leaves."""

    wanted: frozenset[str]
    others: frozenset[str]
    is_sure: bool  #: what is wanted is a name, and not some word before "or"


@dataclass(frozen=True, slots=True)
class _Offer:
    words: frozenset[str]
    is_sure: bool = True  #: False: it may be more than a name, as in "Anna wins or Ben"


def takes_other_choice(answer: str, expected: str, prompt: str) -> bool:
    """Whether an answer affirms what the question offers beside the expected text.

    So does one that denies the expected one of both, such as "not a mammal".
    """
    choice = read_choice(expected, prompt)
    if choice is None:
        return False
    language = _language(prompt)
    is_wanted_denied = False
    for words in split_clauses(_COMPARED.sub(" ", answer)):
        denies, has_other = _denies(words, language), not choice.others.isdisjoint(words)
        if has_other and not denies:
            return True
        is_wanted_denied |= denies and not has_other and not choice.wanted.isdisjoint(words)
    return is_wanted_denied


def read_choice(expected: str, prompt: str) -> Choice | None:
    """Return what an expected text takes of the question's offers; None: of none, or of each."""
    language = _language(prompt)
    said = frozenset(
        word
        for words in split_clauses(_COMPARED.sub(" ", expected))
        if not _denies(words, language)
        for word in words
    )
    offers = _find_offers(find_question(prompt), language)
    taken = [offer for offer in offers if not offer.words.isdisjoint(said)]
    wanted = _join(offer.words & said for offer in taken)
    others = _join(
        offer.words - said for offer in offers if offer.is_sure and offer.words.isdisjoint(said)
    )
    if not wanted or not others:
        return None
    return Choice(wanted, others, all(offer.is_sure for offer in taken))


def _join(words: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset().union(*words)


def _language(prompt: str) -> Language:
    return find_language(split_words(find_question(prompt)))


def _denies(words: list[str], language: Language) -> bool:
    return is_denial(sum(word in language.negations for word in words), language)


def _find_offers(question: str, language: Language) -> list[_Offer]:
    """Return the things that a question offers; none where it leaves no choice."""
    chunks = [words for chunk in _CHUNK_ENDS.split(question) if (words := _WORD.findall(chunk))]
    found: list[_Offer] = []
    for index, chunk in enumerate(chunks):
        parts = _split_at(chunk, language.choice_word)
        if len(parts) == 1:
            continue
        before = chunks[:index]
        if not parts[0] and before:
            parts[0] = before.pop()
        found += _listed(before, language)
        for left, right in pairwise(parts):
            found += _beside(_last_run(left, language), _first_run(right, language))
    return found


def _split_at(words: list[str], choice_word: str) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    for word in words:
        if fold_text(word) == choice_word:
            parts.append([])
        else:
            parts[-1].append(word)
    return parts


def _beside(left: list[str], right: list[str]) -> Iterator[_Offer]:
    """Yield what is on each side of "or": names of as many words, or one word that differs."""
    shared = set(map(fold_text, left)) & set(map(fold_text, right))
    left = [word for word in left if fold_text(word) not in shared]
    right = [word for word in right if fold_text(word) not in shared]
    if not left or not right:
        return
    length = len(left)
    if length <= len(right) and all(word[0].isupper() for word in [*left, *right[:length]]):
        yield _offer(left)
        yield _offer(right[:length])
        return
    yield _offer(left[-1:], is_sure=length == 1 or left[-1][0].isupper())
    yield _offer(right[:1])


def _listed(chunks: list[list[str]], language: Language) -> Iterator[_Offer]:
    """Yield the items of a list before its last two, nearest first."""
    for chunk in reversed(chunks):
        if _last_run(chunk, language) != [w for w in chunk if fold_text(w) not in _ARTICLES]:
            return
        yield _offer(chunk[-1:])


def _offer(words: list[str], *, is_sure: bool = True) -> _Offer:
    return _Offer(frozenset(map(fold_text, words)), is_sure)


def _last_run(words: list[str], language: Language) -> list[str]:
    return _first_run(words[::-1], language)[::-1]


def _first_run(words: list[str], language: Language) -> list[str]:
    """Return the first words in a row that are no function words."""
    run: list[str] = []
    for word in words:
        folded = fold_text(word)
        if folded not in language.weightless and folded not in _ARTICLES:
            run.append(word)
        elif run:
            break
    return run
