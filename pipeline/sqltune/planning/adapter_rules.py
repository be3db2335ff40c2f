"""The values that an adapter's row may have; checked before anything is read or sent."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from sqltune import evaluation, wanted_keys
from sqltune.backends.options import CANNOT_VALIDATE, can_validate, check_options
from sqltune.errors import ConfigError
from sqltune.records import Adapter


@dataclass(frozen=True, slots=True)
class _NumberRule:
    words: str
    allows: Callable[[float], bool]
    is_whole: bool = False
    is_nullable: bool = False


def _at_least_one(*, is_nullable: bool = False) -> _NumberRule:
    words = "must be a whole number of at least 1"
    return _NumberRule(words, lambda value: value >= 1, is_whole=True, is_nullable=is_nullable)


def _within(low: float, high: float, *, is_nullable: bool = False) -> _NumberRule:
    words = f"must be from {low:g} to {high:g}"
    return _NumberRule(words, lambda value: low <= value <= high, is_nullable=is_nullable)


_NUMBERS = {
    "epochs": _at_least_one(),
    "learning_rate": _NumberRule(
        "must be a number above 0", lambda value: value > 0, is_nullable=True
    ),
    "lora_rank": _at_least_one(is_nullable=True),
    "lora_alpha": _at_least_one(is_nullable=True),
    "batch_size": _at_least_one(is_nullable=True),
    # The range that torch and numpy accept.
    "seed": _NumberRule(
        "must be a whole number from 0 to 2^63 - 1", lambda value: 0 <= value < 2**63, is_whole=True
    ),
    "max_skipped_share": _within(0, 1),
    "near_duplicate_at": _within(0.5, 1, is_nullable=True),
    "validation_share": _within(0, 0.5, is_nullable=True),
    "early_stop_patience": _at_least_one(is_nullable=True),
    "pass_threshold": _within(0, 1, is_nullable=True),
    "max_new_tokens": _at_least_one(),
    "temperature": _NumberRule("must be 0 or above", lambda value: value >= 0),
    "min_gain": _within(-1, 1, is_nullable=True),
    "gate_confidence": _within(0.5, 0.9999, is_nullable=True),
    "max_error_share": _within(0, 1),
    "max_regressed_share": _within(0, 1, is_nullable=True),
    "gate_by_category": _within(0, 1, is_nullable=True),
    "min_prompts": _at_least_one(),
    "min_new_samples": _at_least_one(is_nullable=True),
}
_WORDS = {
    "rehearsal": ("auto", "on", "off"),
    "sample_form": ("parts", "text"),
    "train_on": ("all", "last"),
    "quantization": ("none", "int8", "nf4"),
    "on_bad_row": ("stop", "skip"),
    "on_personal_data": ("ignore", "report", "refuse"),
    "gate_without_prompts": ("accept", "refuse"),
    "on_fall": ("report", "roll_back"),
    "predict": ("new", "all", "off"),
}
_FLAGS = ("is_enabled", "keep_epochs", "allow_unstable")
#: Text columns without any other rule.
_TEXTS = (
    *("adapter_name", "base_model", "base_model_revision", "backend"),
    *("training_query", "eval_query", "prediction_query", "scorer", "prompt_format"),
)
_EVERY = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d|)", re.ASCII)
_UNIT_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def check_adapter(adapter: Adapter) -> None:
    """Refuse a row that no run could use: its values, its scorers, options its backend lacks.

    Raises:
        ConfigError: names the column and the value that it may have.
    """
    for column in _TEXTS:
        value = getattr(adapter, column)
        if value is not None and not isinstance(value, str):
            raise _wrong(adapter, column, "must be a text")
    for column, rule in _NUMBERS.items():
        _check_number(adapter, column, rule)
    for column in _FLAGS:
        if not isinstance(getattr(adapter, column), bool):
            raise _wrong(adapter, column, "must be 1 or 0")
    for column, words in _WORDS.items():
        if getattr(adapter, column) not in words:
            raise _wrong(adapter, column, f"must be {', '.join(words[:-1])} or {words[-1]}")
    for column in ("sync_every", "reevaluate_every", "predict_every"):
        every = getattr(adapter, column)
        if every is not None and parse_every(every) is None:
            raise _wrong(adapter, column, "must be a time such as 30s, 15m, 6h or 1d")
    if adapter.predict == "all" and adapter.prediction_query and adapter.predict_every is None:
        needed = "must be a time such as 1d where predict is 'all', which asks every row each time"
        raise _wrong(adapter, "predict_every", needed)
    evaluation.plan_scoring(adapter)
    check_options(
        adapter.backend, wanted_keys.training_options(adapter), wanted_keys.decoding_of(adapter)
    )
    if adapter.validation_share and not can_validate(adapter.backend):
        raise _wrong(
            adapter,
            "validation_share",
            f"must be NULL: backend {adapter.backend!r} {CANNOT_VALIDATE}",
        )


def parse_every(text: object) -> float | None:
    """Return the seconds of a time such as 30s, 15m, 6h, 1d or 90 (seconds); None if it is none."""
    found = _EVERY.fullmatch(str(text).strip().lower())
    if found is None or not float(found[1]) > 0:
        return None
    return float(found[1]) * _UNIT_SECONDS[found[2]]


def _check_number(adapter: Adapter, column: str, rule: _NumberRule) -> None:
    value = getattr(adapter, column)
    if value is None and rule.is_nullable:
        return
    # SQLite stores any value in any column, so a number column may hold text.
    is_number = isinstance(value, int if rule.is_whole else int | float) and math.isfinite(value)
    if not is_number or not rule.allows(value):
        raise _wrong(adapter, column, rule.words)


def _wrong(adapter: Adapter, column: str, rule: str) -> ConfigError:
    return ConfigError(
        f"adapters.{column} of {adapter.adapter_name!r} {rule}, got {getattr(adapter, column)!r}: "
        "correct the adapter's row"
    )
