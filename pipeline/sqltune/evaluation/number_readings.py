"""Finds the numbers in a text, in the ways in which people write them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

#: Digits in groups of three, or without groups; no part of a name such as A4 or of 3.5.1.
_NUMBER = re.compile(
    r"(?<![\w.,])[-+−]?(?:\d{1,3}(?:[,.'\u2019\u00a0\u202f]\d{3})+(?:[.,]\d+)?|\d+(?:[.,]\d+)?)"
    r"(?![.,]?\d)"
)
_SIGNS = "$€£¥₹%‰"
#: Currencies and per cent beside a number, by the names of their signs.
_UNITS = {
    "dollar": r"\$|usd\b|(?:us[- ])?dollars?\b",
    "euro": r"€|eur\b|euros?\b",
    "pound": r"£|gbp\b|pounds?\b",
    "yen": r"¥|jpy\b|yen\b",
    "rupee": r"₹|inr\b|rupees?\b",
    "percent": r"%|per ?cent\b|prozent\b|pour cent\b|por ciento\b|per cento\b|procent\b",
    "permille": "‰",
}
_UNIT = "|".join(f"(?P<{name}>{signs})" for name, signs in _UNITS.items())
_UNIT_AFTER = re.compile(rf"\s?(?:{_UNIT})", re.IGNORECASE)
_UNIT_BEFORE = re.compile(rf"(?<!\w)(?:US)?(?:{_UNIT})\s?\Z", re.IGNORECASE)
#: Longest unit beside a number, in characters.
_UNIT_LENGTH = 12
_LEADING_ZERO = re.compile(r"\D*0\d")
_ALONE = re.compile(rf"[{_SIGNS}]?\s*({_NUMBER.pattern})\s*[{_SIGNS}]?\.?")
_GROUP = re.compile(r"\d{1,3}(?:([,.])\d{3})(?:\1\d{3})*")


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it is written: 1.200 is 1.2 to some people and 1200 to others."""

    readings: tuple[Decimal, ...]


def find_numbers(text: str) -> list[Number]:
    """Return the numbers of a text in their order."""
    return [_read(found[0]) for found in _NUMBER.finditer(text)]


def find_units(text: str) -> list[tuple[Number, str | None]]:
    """Return the numbers of a text in their order, each with its currency or per cent, if any."""
    return [(_read(found[0]), _read_unit(text, found)) for found in _NUMBER.finditer(text)]


def is_number(text: str) -> bool:
    """Whether a text is one number and nothing else, apart from a sign of currency or per cent.

    With a zero before its digits it is a code, such as a postcode: 01067 is not 1067.
    """
    return _ALONE.fullmatch(text.strip()) is not None and _LEADING_ZERO.match(text) is None


def is_same_number(expected: Number, answered: Number) -> bool:
    """Whether an answer is the expected number: a decimal one as far as it is written."""
    return any(
        _is_equal(wanted, given) for wanted in expected.readings for given in answered.readings
    )


def _is_equal(wanted: Decimal, given: Decimal) -> bool:
    exponent = wanted.as_tuple().exponent
    if not isinstance(exponent, int) or exponent >= 0:
        return wanted == given
    return abs(wanted - given) <= Decimal(5).scaleb(exponent - 1)


def _read_unit(text: str, found: re.Match[str]) -> str | None:
    before = text[max(0, found.start() - _UNIT_LENGTH) : found.start()]
    after = text[found.end() : found.end() + _UNIT_LENGTH]
    unit = _UNIT_AFTER.match(after) or _UNIT_BEFORE.search(before)
    return unit.lastgroup if unit else None


def _read(text: str) -> Number:
    sign = "-" if text[0] in "-−" else ""
    digits = re.sub(r"['\u2019\u00a0\u202f]", "", text.lstrip("-+−"))
    grouped = _GROUP.fullmatch(digits)
    if grouped is None:
        return Number((Decimal(sign + _point(digits)),))
    whole = Decimal(sign + digits.replace(grouped[1], ""))
    if grouped[1] == "," or digits.count(".") > 1:
        return Number((whole,))
    return Number((Decimal(sign + digits), whole))


def _point(digits: str) -> str:
    """Return digits with a point before the decimals and no other mark."""
    last = max(digits.rfind(","), digits.rfind("."))
    if last < 0:
        return digits
    return re.sub("[,.]", "", digits[:last]) + "." + digits[last + 1 :]
