"""Adapters as people declare them: rows of `adapters`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqltune.database.connection import Session
from sqltune.database.tables.runs import get_run_settings
from sqltune.errors import DataError
from sqltune.records import Adapter, parse_flag


def list_adapters(session: Session) -> list[Adapter]:
    """Return every declared adapter, enabled or not, by name."""
    return [_adapter(row) for row in session.fetch_all("list_adapters")]


def list_names(session: Session) -> list[str]:
    """Return the name of every declared adapter."""
    return [row.adapter_name for row in session.fetch_all("list_adapters")]


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
            f"runs.settings of run {run_id} does not hold what its runner wrote, so the run cannot "
            "continue; use --force to train again",
            table="runs",
            key=str(run_id),
            column="settings",
            code="unreadable_run",
        ) from error


def _adapter(row: Any) -> Adapter:
    return Adapter(
        adapter_name=row.adapter_name,
        base_model=row.base_model,
        is_enabled=_flag(row.is_enabled),
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
        prompt_format=row.prompt_format,
        sample_form=row.sample_form,
        sync_every=row.sync_every,
        min_new_samples=row.min_new_samples,
        train_on=row.train_on,
        quantization=row.quantization,
        validation_share=row.validation_share,
        early_stop_patience=row.early_stop_patience,
        keep_epochs=_flag(row.keep_epochs),
        on_personal_data=row.on_personal_data,
        near_duplicate_at=row.near_duplicate_at,
        gate_confidence=row.gate_confidence,
        max_error_share=row.max_error_share,
        max_regressed_share=row.max_regressed_share,
        gate_by_category=row.gate_by_category,
        min_prompts=row.min_prompts,
        gate_without_prompts=row.gate_without_prompts,
        allow_unstable=_flag(row.allow_unstable),
        reevaluate_every=row.reevaluate_every,
        on_fall=row.on_fall,
        prediction_query=row.prediction_query,
        predict=row.predict,
        predict_every=row.predict_every,
    )


def _flag(value: Any) -> Any:
    """Return a flag; what says neither yes nor no stays as it is, and the plan refuses it."""
    flag = parse_flag(value)
    return value if flag is None else flag


def _names(text: object) -> tuple[str, ...]:
    return tuple(name.strip() for name in str(text or "").split(",") if name.strip())
