"""Counts the rows that are held out by their splits, and finds splits that mean another one.

Only `train`, `validation` and NULL have a meaning. Any other split holds its row out, which is
reported with the word: a row that is not trained on must not be missed by accident.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sqltune.selection.columns import Column
from sqltune.selection.rules import Problem
from sqltune.selection.validation_rows import VALIDATION

TRAIN = b"train"
_USED = (None, TRAIN, VALIDATION)
#: Words by which people hold rows out on purpose.
_HELD_OUT = frozenset({"test", "holdout", "hold-out", "held-out", "hold_out", "held_out"})
#: Different splits that are counted one by one: more are no splits at all.
_COUNTED = 20
_OTHERS = "others"
_SHOWN_CHARACTERS = 40


class HeldOut:
    """How many rows each split held out."""

    def __init__(self) -> None:
        """Begin without any."""
        self.counts: Counter[str] = Counter()

    def add(self, splits: Column) -> None:
        """Count the splits of a page of rows that are neither trained nor for validation."""
        for split, number in Counter(split for split in splits if split not in _USED).items():
            name = _text(split)
            is_counted = name in self.counts or len(self.counts) < _COUNTED
            self.counts[name if is_counted else _OTHERS] += number


def used_rows(splits: Column) -> list[int] | None:
    """Return the indexes of the rows that are not held out; None: all of them."""
    if set(splits) <= set(_USED):
        return None
    return [index for index, split in enumerate(splits) if split in _USED]


def pick_rows(columns: Sequence[Column], indexes: Sequence[int]) -> list[Column]:
    """Return these rows of a page."""
    return [[column[index] for index in indexes] for column in columns]


def split_problem(split: Any) -> Problem | None:
    """Return why a split holds its row out though it may not be meant to; None: it is meant to."""
    if split in _USED or (isinstance(split, bytes) and _word(split) in _HELD_OUT):
        return None
    return Problem(
        "unknown_split",
        f"split is {_text(split)!r}, so this row is held out: write 'train' or NULL to train "
        "it, 'validation' to measure it, or 'test' to hold it out",
    )


def describe_held_out(counts: Mapping[str, int]) -> str:
    """Return how many rows are held out by which splits, the most frequent first."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count:,} with split {name!r}" for name, count in ordered)


def _word(split: bytes) -> str:
    return _text(split).strip().casefold()


def _text(split: Any) -> str:
    text = split.decode("utf-8", "backslashreplace") if isinstance(split, bytes) else str(split)
    return text[:_SHOWN_CHARACTERS]
