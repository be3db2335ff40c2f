"""Finds what a text counts: numbers in digits or English words, and times of day."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from sqltune.evaluation.number_readings import Number, find_numbers, is_same_number

_TIME = re.compile(
    r"(?<![\w.:,])(?:(\d{1,2})(?:[:.](\d\d))?\s?([ap])(?:\.\s?m\.|m\b)|(\d{1,2}):(\d\d)(?![\w:]))",
    re.IGNORECASE,
)
#: One alone is as often a pronoun.
_UNITS = "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
_WORDS = {word: number for number, word in enumerate(_UNITS.split(), 2)} | {
    "zero": 0, "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19,
}  # fmt: skip
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_ONES = {"one": 1} | {word: number for word, number in _WORDS.items() if 0 < number < 10}
_WORDS |= {word: 10 * number for number, word in enumerate(_TENS, 2)}
_WORDS |= {
    f"{ten}{mark}{one}": _WORDS[ten] + _ONES[one] for ten in _TENS for one in _ONES for mark in "- "
}
_NUMBER_WORD = re.compile(
    rf"(?<![\w-])(?:{'|'.join(sorted(_WORDS, key=len, reverse=True))})(?!\w)", re.IGNORECASE
)
_DIGITS_ALONE = re.compile(r"(?<!\S)[^\w\s]*+\d[\d.,:]*+[^\w\s]*+(?!\S)")
_SIGNS = {
    re.compile(signs, re.IGNORECASE): word
    for word, signs in {
        "percent": r"%|\b(?:per cent|prozent|pour cent|por ciento|per cento|por cento|procent)\b",
        "euro": r"€|\bEUR\b",
        "dollar": r"\$|\bUSD\b",
        "pound": r"£|\bGBP\b",
    }.items()
}
#: Nothing is read twice, so that the time grows with the length of the text alone.
_FIGURE = r"(?<![\d.,:])[-+]?+\d[\d.,:]*+"
_OFFER = re.compile(
    rf"({_FIGURE})(?:[\s%€$£°]*+[^\W\d]++)?[\s%€$£]++(?:or|oder|ou|o|of)\s++"
    rf"(?:[^\W\d]++\s++)?[€$£]?+({_FIGURE})",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Quantities:
    """What a text counts."""

    numbers: tuple[Number, ...]  #: those of times with am or pm too, such as 9
    plain: tuple[Number, ...]  #: numbers that are no time
    minutes: frozenset[int]  #: times, in minutes since midnight

    def lacks(self, wanted: Quantities) -> bool:
        """Whether some number or time of another text is not in this one."""
        if not wanted.minutes <= self.minutes:
            return True
        return any(not _is_among(number, self.numbers) for number in wanted.plain)

    def adds_to(self, wanted: Quantities) -> bool:
        """Whether some number or time of this text is not in another one."""
        return wanted.lacks(self)

    def without(self, given: Quantities) -> Quantities:
        """Return what is not in another text."""
        plain = tuple(each for each in self.plain if not _is_among(each, given.numbers))
        return Quantities(self.numbers, plain, self.minutes - given.minutes)


def find_quantities(text: str) -> Quantities:
    """Return the numbers and the times of a text."""
    times = list(_TIME.finditer(text))
    plain = tuple(find_numbers(spell_digits(_TIME.sub(" ", text))))
    hours = find_numbers(" ".join(found[1] for found in times if found[1] and not found[2]))
    return Quantities((*plain, *hours), plain, frozenset(map(_minute, times)))


def spell_digits(text: str) -> str:
    """Return a text with the digits of its English number words, up to ninety-nine."""
    return _NUMBER_WORD.sub(lambda found: str(_WORDS[found[0].casefold()]), text)


def drop_quantities(text: str) -> str:
    """Return a text without times and numbers, and with words for the signs of currencies."""
    text = _TIME.sub(" ", spell_digits(text))
    for sign, word in _SIGNS.items():
        text = sign.sub(f" {word} ", text)
    return _DIGITS_ALONE.sub(" ", text)


def offers_numbers(text: str) -> bool:
    """Whether a text leaves the choice between two numbers, such as "7 or 8"."""
    pairs = _OFFER.findall(spell_digits(text))
    return any(first.strip(".,:") != second.strip(".,:") for first, second in pairs)


def _is_among(number: Number, others: Iterable[Number]) -> bool:
    return any(is_same_number(number, other) for other in others)


def _minute(found: re.Match[str]) -> int:
    hour, minute, half, plain_hour, plain_minute = found.groups()
    if half is None:
        return 60 * int(plain_hour) + int(plain_minute)
    return 60 * (int(hour) % 12 + 12 * (half in "pP")) + int(minute or 0)
