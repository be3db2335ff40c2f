"""The desired state as people wrote it: rows of `adapters`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from pipeline.database.connection import Session
from pipeline.errors import ConfigError
from pipeline.records import Adapter


def list_adapters(session: Session) -> list[Adapter]:
    """Give every declared adapter, enabled or not, by name."""
    return [_adapter(row) for row in session.fetch_all("list_adapters")]


def to_plain(adapter: Adapter) -> dict[str, Any]:
    """Give the adapter as plain values, to be stored with a run."""
    return asdict(adapter)


def from_plain(values: dict[str, Any]) -> Adapter:
    """Give back the adapter that `to_plain` wrote."""
    return Adapter(**{**values, "extra_scorers": tuple(values["extra_scorers"])})


def check_adapter(adapter: Adapter) -> None:
    """Refuse values that no run could use.

    Raises:
        ConfigError: a column of the adapter's row has a value that is not allowed.
    """
    _require(adapter, "epochs", adapter.epochs >= 1, "must be at least 1")
    _require(adapter, "learning_rate", _above_zero(adapter.learning_rate), "must be above 0")
    _require(adapter, "lora_rank", _above_zero(adapter.lora_rank), "must be at least 1")
    _require(adapter, "lora_alpha", _above_zero(adapter.lora_alpha), "must be at least 1")
    _require(adapter, "batch_size", _above_zero(adapter.batch_size), "must be at least 1")
    _require(
        adapter, "rehearsal", adapter.rehearsal in ("auto", "on", "off"), "must be auto, on or off"
    )
    _require(
        adapter, "sample_form", adapter.sample_form in ("parts", "text"), "must be parts or text"
    )
    _require(adapter, "on_bad_row", adapter.on_bad_row in ("stop", "skip"), "must be stop or skip")
    _require(
        adapter, "max_skipped_share", 0 <= adapter.max_skipped_share <= 1, "must be from 0 to 1"
    )
    _require(adapter, "max_new_tokens", adapter.max_new_tokens >= 1, "must be at least 1")
    _require(adapter, "temperature", adapter.temperature >= 0, "must be 0 or above")


def _require(adapter: Adapter, column: str, holds: bool, rule: str) -> None:
    if not holds:
        value = getattr(adapter, column)
        raise ConfigError(
            f"adapters.{column} of {adapter.adapter_name!r} {rule}, got {value!r}: "
            "correct the adapter's row"
        )


def _above_zero(value: float | None) -> bool:
    return value is None or value > 0


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
    )


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())
