"""Finds personal data and secrets in the texts of a row, and names their kind and place alone.

Only what can be verified counts: check digits, the form of numbers, the marks of keys. Names of
people and postal addresses are not recognised. Texts without an @, a long number or a long word
are passed by in a microsecond.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from sqltune.selection.rules import Problem
from sqltune.selection.secrets import find_secrets

#: So many characters of a text are searched, which takes seconds at most; more are a finding.
_LONGEST = 500_000
#: One of these is in everything that is found here.
_SUSPECT = re.compile(rb"@|PRIVATE KEY|[A-Za-z0-9_\-+/=.]{20}|\d(?:[ \-.()/]{0,2}\d){7}")
_EMAIL = re.compile(
    r"(?<![\w.%+-])[A-Za-z0-9._%+-]{1,64}@((?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24})(?![\w-])"
)
#: Nobody's: https://www.rfc-editor.org/rfc/rfc2606
_RESERVED = re.compile(
    r"(?:.*\.)?(?:example\.(?:com|net|org)|[^.]+\.(?:example|test|invalid))", re.I
)
_PHONE = re.compile(r"(?<![\w+])\+\d(?:[ \-.()/]{0,2}\d){6,14}(?!\d)", re.ASCII)
_CARD = re.compile(r"(?<![\w.,-])\d(?:[ -]?\d){12,18}(?!\w)", re.ASCII)
#: Visa, Mastercard, American Express, Discover: https://en.wikipedia.org/wiki/Payment_card_number
_ISSUED = re.compile(
    r"4\d{12}(?:\d{3})?(?:\d{3})?|5[1-5]\d{14}|2(?:2[2-9]|[3-6]\d|7[01])\d{13}|3[47]\d{13}"
    r"|6(?:011|5\d\d)\d{12}",
    re.ASCII,
)
_IBAN = re.compile(r"(?<![A-Z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}", re.ASCII)
_IBAN_LENGTHS = range(34, 14, -1)
_CURE_OF_DATA = "leave it out, or mask it in the query"
_CURE_OF_KEYS = "revoke it, and leave it out of the query"


@dataclass(frozen=True, slots=True)
class _Found:
    kind: str
    start: int  #: in characters, from 0


def find_private(texts: Iterable[tuple[str, bytes | None]]) -> Iterator[tuple[str, Problem]]:
    """Yield the column and the problem of each kind of personal data or secret in a row.

    Args:
        texts: the row's columns with their texts, which are UTF-8.
    """
    for column, text in texts:
        if text is not None and _SUSPECT.search(text):
            yield from _describe_all(column, text.decode())


def _describe_all(column: str, text: str) -> Iterator[tuple[str, Problem]]:
    if len(text) > _LONGEST:
        yield column, _describe_length(column, len(text))
        text = text[:_LONGEST]
    seen = set()
    for find in _FINDERS:
        for found in find(text):
            if found.kind not in seen:
                seen.add(found.kind)
                yield column, _describe(column, "personal_data", found, _CURE_OF_DATA)
    for kind, start in find_secrets(text):
        if kind not in seen:
            seen.add(kind)
            yield column, _describe(column, "secret", _Found(kind, start), _CURE_OF_KEYS)


def _describe(column: str, rule: str, found: _Found, cure: str) -> Problem:
    return Problem(
        rule,
        f"{column} contains {found.kind} at character {found.start + 1}: {cure}; "
        "on_personal_data = 'ignore' in adapters accepts it",
    )


def _describe_length(column: str, characters: int) -> Problem:
    return Problem(
        "personal_data",
        f"{column} has {characters:,} characters, of which the first {_LONGEST:,} are searched for "
        "personal data: shorten it; on_personal_data = 'ignore' in adapters accepts it",
    )


def _find_emails(text: str) -> Iterator[_Found]:
    for match in _EMAIL.finditer(text):
        if not _RESERVED.fullmatch(match[1]):
            yield _Found("an email address", match.start())


def _find_phones(text: str) -> Iterator[_Found]:
    for match in _PHONE.finditer(text):
        if _is_phone(match[0]):
            yield _Found("a phone number", match.start())


def _is_phone(text: str) -> bool:
    import phonenumbers

    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(text))
    except phonenumbers.NumberParseException:
        return False


def _find_cards(text: str) -> Iterator[_Found]:
    from stdnum import luhn

    for match in _CARD.finditer(text):
        digits = re.sub("[ -]", "", match[0])
        if _ISSUED.fullmatch(digits) and luhn.is_valid(digits):
            yield _Found("a card number", match.start())


def _find_ibans(text: str) -> Iterator[_Found]:
    from stdnum import iban

    for match in _IBAN.finditer(text):
        letters = match[0].replace(" ", "")
        # A word in capital letters may follow the number.
        lengths = (length for length in _IBAN_LENGTHS if length <= len(letters))
        if any(iban.is_valid(letters[:length]) for length in lengths):
            yield _Found("an IBAN", match.start())


_FINDERS: tuple[Callable[[str], Iterator[_Found]], ...] = (
    _find_emails,
    _find_phones,
    _find_cards,
    _find_ibans,
)
