"""Scores answers that are a value: a number, or JSON."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from itertools import zip_longest
from typing import Any, NoReturn

from sqltune.evaluation.choices import takes_other_choice
from sqltune.evaluation.number_readings import (
    Number,
    find_numbers,
    find_units,
    is_same_number,
)
from sqltune.evaluation.quantities import offers_numbers
from sqltune.evaluation.question_echo import drop_question, find_question
from sqltune.evaluation.score_limits import MAX_LINEAR_CHARACTERS, ScorerError, check_texts

#: What a text has at a place where only the other one has something.
_MISSING = object()


def score_number(response: str, expected: str, prompt: str) -> float:
    """Return 1 if the expected number is the only one in the answer, 1/n if it is one of n.

    The prompt's numbers are not counted; if the expected one is among them, only the question's.
    Another currency, a choice between two numbers, or the question's other one makes it 0.
    """
    check_texts(response, expected, prompt, longest=MAX_LINEAR_CHARACTERS)
    wanted, unit = _read_wanted(expected)
    answer = drop_question(response, prompt)
    found = find_units(answer)
    if not any(_is_wanted(each, wanted, unit) for each in found):
        return 0.0
    if offers_numbers(answer) or takes_other_choice(answer, expected, prompt):
        return 0.0
    given = find_numbers(prompt)
    if _is_among(wanted, given):
        given = find_numbers(find_question(prompt))
    others = {number for number, _ in found if not _is_among(number, [wanted, *given])}
    return 1 / (1 + len(others))


def _read_wanted(expected: str) -> tuple[Number, str | None]:
    found = find_units(expected)
    if len(found) != 1:
        raise ScorerError(
            f"the expected text has {len(found)} numbers: write one, such as 1998 or 3.5, or "
            "choose another scorer"
        )
    return found[0]


def _is_wanted(found: tuple[Number, str | None], wanted: Number, unit: str | None) -> bool:
    number, named = found
    return is_same_number(wanted, number) and (unit is None or named is None or unit == named)


def score_json_equal(response: str, expected: str) -> float:
    """Return the share of values that are equal in both JSON texts; 0 if the answer is no JSON.

    The order of fields and the way in which numbers and texts are written do not count.
    """
    check_texts(response, expected, longest=MAX_LINEAR_CHARACTERS)
    try:
        wanted = parse_json(expected)
    except ValueError as exc:
        raise ScorerError(f"the expected text is no JSON: {exc}") from exc
    try:
        found = parse_json(response)
    except ValueError:
        return 0.0
    equal, total = _compare(wanted, found)
    return equal / total


def parse_json(text: str) -> Any:
    """Return the value of one JSON text by RFC 8259, its numbers as Decimal.

    Raises:
        ValueError: it is none.
        ScorerError: it is nested too deeply to be read.
    """
    try:
        return json.loads(
            text, parse_constant=refuse_constant, parse_int=_read_number, parse_float=_read_number
        )
    except RecursionError as exc:
        raise ScorerError("the JSON text is nested too deeply to be checked") from exc


def refuse_constant(name: str) -> NoReturn:
    """Refuse NaN and Infinity, which JSON does not have.

    Raises:
        ValueError: always.
    """
    raise ValueError(f"{name} is not JSON")


def _read_number(text: str) -> Decimal | str:
    try:
        return Decimal(text)
    except InvalidOperation:  # its exponent has twenty digits
        return text


def _compare(wanted: Any, given: Any) -> tuple[int, int]:
    """Return how many values are equal, and how many there are in either text."""
    equal = total = 0
    pairs = [(wanted, given)]
    while pairs:
        first, second = pairs.pop()
        inner = _inner_pairs(first, second)
        pairs += inner
        if not inner:
            total += 1
            equal += type(first) is type(second) and bool(first == second)
    return equal, total


def _inner_pairs(first: Any, second: Any) -> list[tuple[Any, Any]]:
    """Return what is at the same places in two values; nothing where neither has a place."""
    if isinstance(first, dict) and isinstance(second, dict):
        names = [*first, *(name for name in second if name not in first)]
        return [(first.get(name, _MISSING), second.get(name, _MISSING)) for name in names]
    if isinstance(first, list) and isinstance(second, list):
        return list(zip_longest(first, second, fillvalue=_MISSING))
    if not (_is_filled(first) or _is_filled(second)):
        return []
    alone = [(value, _MISSING) for value in _values_in(first)]
    return alone + [(_MISSING, value) for value in _values_in(second)]


def _values_in(value: Any) -> list[Any]:
    if _is_filled(value):
        return list(value.values() if isinstance(value, dict) else value)
    return [] if value is _MISSING else [value]


def _is_filled(value: Any) -> bool:
    return isinstance(value, dict | list) and bool(value)


def _is_among(number: Number, others: list[Number]) -> bool:
    return any(is_same_number(other, number) for other in others)
