"""Adapters as people declare them: rows of `adapters`."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from sqltune.database.connection import Session
from sqltune.database.tables.runs import get_run_settings
from sqltune.errors import ConfigError, DataError
from sqltune.records import Adapter


@dataclass(frozen=True, slots=True)
class _Rule:
    words: str
    holds: Callable[[float], bool]
    is_whole: bool = False


_AT_LEAST_1 = _Rule("must be a whole number of at least 1", lambda value: value >= 1, is_whole=True)
_RULES = {
    "epochs": _AT_LEAST_1,
    "learning_rate": _Rule("must be a number above 0", lambda value: value > 0),
    "lora_rank": _AT_LEAST_1,
    "lora_alpha": _AT_LEAST_1,
    "batch_size": _AT_LEAST_1,
    # What torch and numpy take.
    "seed": _Rule(
        "must be a whole number from 0 to 2^63 - 1", lambda value: 0 <= value < 2**63, is_whole=True
    ),
    "max_skipped_share": _Rule("must be from 0 to 1", lambda value: 0 <= value <= 1),
    "pass_threshold": _Rule("must be from 0 to 1", lambda value: 0 <= value <= 1),
    "max_new_tokens": _AT_LEAST_1,
    "temperature": _Rule("must be 0 or above", lambda value: value >= 0),
    "min_gain": _Rule("must be from -1 to 1", lambda value: -1 <= value <= 1),
    "min_new_samples": _AT_LEAST_1,
}
#: Columns of texts that no other rule is about.
_TEXTS = (
    *("adapter_name", "base_model", "base_model_revision", "backend"),
    *("training_query", "eval_query", "scorer", "prompt_template"),
)
_EVERY = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d|)", re.ASCII)
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_NULLABLE = frozenset(
    {"learning_rate", "lora_rank", "lora_alpha", "batch_size", "pass_threshold", "min_gain"}
    | {"min_new_samples"}
)


def list_adapters(session: Session) -> list[Adapter]:
    """Return every declared adapter, enabled or not, by name."""
    return [_adapter(row) for row in session.fetch_all("list_adapters")]


def get_adapter(session: Session, adapter_name: str) -> Adapter | None:
    """Return the row of an adapter as it is now; None if there is none."""
    row = session.fetch_one("get_adapter", adapter_name=adapter_name)
    # MySQL ignores spaces at the end of a text that it compares.
    return _adapter(row) if row is not None and row.adapter_name == adapter_name else None


def to_plain(adapter: Adapter) -> dict[str, Any]:
    """Return the adapter as plain values, to be stored with a run; `of_run` reads them back."""
    return asdict(adapter)


def of_run(session: Session, run_id: int) -> Adapter:
    """Return the adapter's row as it was when the run began.

    Raises:
        DataError: runs.settings, where it is stored, was changed by hand.
    """
    try:
        values = get_run_settings(session, run_id)["adapter"]
        return Adapter(**{**values, "extra_scorers": tuple(values["extra_scorers"])})
    except (KeyError, TypeError) as error:
        raise DataError(
            f"runs.settings of run {run_id} does not hold what its runner wrote: the run cannot go "
            "on; use --force to begin anew",
            table="runs",
            key=str(run_id),
            column="settings",
            code="unreadable_run",
        ) from error


def check_adapter(adapter: Adapter) -> None:
    """Refuse values that no run could use.

    Raises:
        ConfigError: a column of the adapter's row has a value that is not allowed.
    """
    for column in _TEXTS:
        value = getattr(adapter, column)
        _require(adapter, column, value is None or isinstance(value, str), "must be a text")
    for column, rule in _RULES.items():
        value = getattr(adapter, column)
        if value is None and column in _NULLABLE:
            continue
        if not _is_number(value, rule.is_whole) or not rule.holds(value):
            raise _wrong(adapter, column, rule.words)
    _require(
        adapter, "rehearsal", adapter.rehearsal in ("auto", "on", "off"), "must be auto, on or off"
    )
    _require(
        adapter, "sample_form", adapter.sample_form in ("parts", "text"), "must be parts or text"
    )
    if adapter.sync_every is not None:
        holds = parse_every(adapter.sync_every) is not None
        _require(adapter, "sync_every", holds, "must be a time such as 30s, 15m, 6h or 1d")
    _require(adapter, "on_bad_row", adapter.on_bad_row in ("stop", "skip"), "must be stop or skip")


def parse_every(text: object) -> float | None:
    """Give the seconds of a time such as 30s, 15m, 6h, 1d or 90 (seconds); None: it is none."""
    found = _EVERY.fullmatch(str(text).strip().lower())
    if found is None or not float(found[1]) > 0:
        return None
    return float(found[1]) * _SECONDS[found[2]]


def _is_number(value: object, is_whole: bool) -> bool:
    """SQLite stores what it is given, a text in a column of numbers too."""
    if is_whole and not isinstance(value, int):
        return False
    return isinstance(value, int | float) and math.isfinite(value)


def _require(adapter: Adapter, column: str, holds: bool, rule: str) -> None:
    if not holds:
        raise _wrong(adapter, column, rule)


def _wrong(adapter: Adapter, column: str, rule: str) -> ConfigError:
    return ConfigError(
        f"adapters.{column} of {adapter.adapter_name!r} {rule}, got {getattr(adapter, column)!r}: "
        "correct the adapter's row"
    )


def _adapter(row: Any) -> Adapter:
    return Adapter(
        adapter_name=row.adapter_name,
        base_model=row.base_model,
        is_enabled=bool(row.is_enabled),
        backend=row.backend,
        base_model_revision=row.base_model_revision,
        training_query=row.training_query,
        eval_query=row.eval_query,
        epochs=row.epochs,
        learning_rate=row.learning_rate,
        lora_rank=row.lora_rank,
        lora_alpha=row.lora_alpha,
        batch_size=row.batch_size,
        rehearsal=row.rehearsal,
        seed=row.seed,
        on_bad_row=row.on_bad_row,
        max_skipped_share=row.max_skipped_share,
        scorer=row.scorer,
        extra_scorers=_names(row.extra_scorers),
        pass_threshold=row.pass_threshold,
        max_new_tokens=row.max_new_tokens,
        temperature=row.temperature,
        min_gain=row.min_gain,
        prompt_template=row.prompt_template,
        sample_form=row.sample_form,
        sync_every=row.sync_every,
        min_new_samples=row.min_new_samples,
    )


def _names(text: object) -> tuple[str, ...]:
    return tuple(name.strip() for name in str(text or "").split(",") if name.strip())
