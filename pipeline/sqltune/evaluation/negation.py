"""Compares what two texts deny: clause by clause, as far as both speak of the same words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sqltune.evaluation.function_words import Language
from sqltune.evaluation.words import split_words

#: Where a clause ends; a mark inside of a number or a name is none.
_CLAUSES = re.compile(
    r"[.!?,;:](?=\s|$)|[()。\uff01\uff1f\uff0c、\n]|\s[-–—]\s|\b(?:but|sondern|sino|maar)\b"
    r"|\b(?:and|und|y|et|e|en)\s+(?=(?:not|nicht|no|non|não|niet)\b)"
    r"|(?=\b(?:rather than|instead of)\b)",
    re.IGNORECASE,
)
#: Two words that deny, spelt with one, and two that do not.
_CONTRAST = re.compile(r"\b(?:rather than|instead of)\b", re.IGNORECASE)
_NOT_ONLY = re.compile(r"\bnot (?:only|just)\b", re.IGNORECASE)
YES = frozenset({"yes", "ja", "oui", "sí", "si", "sì", "sim", "true"})
NO = frozenset({"no", "nein", "non", "não", "nee", "false"})


@dataclass(frozen=True, slots=True)
class Claims:
    """What a text says of the words that another text has too."""

    affirmed: frozenset[str]
    denied: frozenset[str]
    denials: int  #: words that deny, in the clauses that have such words
    verdict: bool | None  #: yes, no, or neither before everything else


def read_claims(
    text: str, known: frozenset[str], language: Language, stem: Callable[[str], str]
) -> Claims:
    """Return what a text affirms and denies of the known words, which are stems."""
    affirmed: set[str] = set()
    denied: set[str] = set()
    denials = 0
    clauses = split_clauses(text)
    for clause in clauses:
        words = frozenset(map(stem, clause)) & known
        count = sum(word in language.negations for word in clause) if words else 0
        denials += count
        (denied if is_denial(count, language) else affirmed).update(words)
    return Claims(
        frozenset(affirmed - denied), frozenset(denied - affirmed), denials, _verdict(clauses)
    )


def contradict(wanted: Claims, found: Claims, language: Language) -> bool:
    """Whether one text denies what the other one affirms, or both deny, of swapped words."""
    if None not in (wanted.verdict, found.verdict) and wanted.verdict != found.verdict:
        return True
    is_alone = wanted.verdict != found.verdict
    if _denies(wanted, is_alone, language) != _denies(found, is_alone, language):
        return True
    is_denied = not wanted.affirmed.isdisjoint(found.denied)
    return is_denied and not wanted.denied.isdisjoint(found.affirmed)


def split_clauses(text: str) -> list[list[str]]:
    """Return the words of each clause of a text."""
    plain = _NOT_ONLY.sub(" ", text)
    parts = (_CONTRAST.sub(" not ", part) for part in _CLAUSES.split(plain) if part)
    return [words for words in map(split_words, parts) if words]


def is_denial(count: int, language: Language) -> bool:
    """Whether a clause with so many words that deny is a denial."""
    return count % 2 == 1 if language.is_twice_yes else count > 0


def _denies(claims: Claims, is_alone: bool, language: Language) -> bool:
    """Whether a text denies; a "no" counts where the other text has none and nothing else does."""
    if is_alone and claims.verdict is False and not claims.denials:
        return True
    return is_denial(claims.denials, language)


def _verdict(clauses: Iterable[list[str]]) -> bool | None:
    first = next(iter(clauses), [])
    if len(first) != 1:
        return None
    return True if first[0] in YES else False if first[0] in NO else None
