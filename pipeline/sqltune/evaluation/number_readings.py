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
_ALONE = re.compile(rf"[{_SIGNS}]?\s*({_NUMBER.pattern})\s*[{_SIGNS}]?\.?")
_GROUP = re.compile(r"\d{1,3}(?:([,.])\d{3})(?:\1\d{3})*")


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it is written: 1.200 is 1.2 to some people and 1200 to others."""

    readings: tuple[Decimal, ...]


def find_numbers(text: str) -> list[Number]:
    """Return the numbers of a text in their order."""
    return [_read(found[0]) for found in _NUMBER.finditer(text)]


def is_number(text: str) -> bool:
    """Whether a text is one number and nothing else, apart from a sign of currency or per cent."""
    return _ALONE.fullmatch(text.strip()) is not None


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
