"""Why a plan is what it is, in sentences for people: `adapter_states.decision_reason`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqltune.planning.row_rules import BAD_ROW_COLUMNS
from sqltune.planning.wanted import Wanted
from sqltune.records import Adapter, AdapterVersion, Run, RunState
from sqltune.selection import SampleChanges
from sqltune.verdicts import GateRules

#: The columns that decide how a version is trained, and only those.
_TRAINED_BY = (
    *("epochs", "learning_rate", "lora_rank", "lora_alpha", "batch_size", "rehearsal", "seed"),
    *("prompt_format", "sample_form", "train_on", "quantization", "early_stop_patience"),
)
#: The columns that decide how it is asked, scored and judged.
_EVALUATED_BY = (
    *("scorer", "extra_scorers", "pass_threshold", "max_new_tokens", "temperature"),
    *(rule.name for rule in fields(GateRules)),
)
_SHOWN_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class NotRepeated:
    """Why a run that failed or was cancelled is not repeated now."""

    reason: str
    is_waiting: bool  #: it is tried again later; False: only when something changes


def explain_training(
    adapter: Adapter,
    wanted: Wanted,
    last: Run,
    settings: Mapping[str, Any],
    changes: SampleChanges | None = None,
) -> str:
    """Return what changed since the last run, so that a version is trained.

    Args:
        adapter: its row.
        wanted: what it asks for.
        last: the last run whose wanted keys were known.
        settings: the effective settings of that run.
        changes: what changed in its samples; None: only their number is known.
    """
    reasons = []
    if last.fingerprint != wanted.fingerprint and last.fingerprint is not None:
        reasons.append(_describe_changes(changes) or _compare_counts(wanted, last.fingerprint))
    if last.backend != adapter.backend:
        reasons.append(f"the backend changed from {last.backend} to {adapter.backend}")
    if last.base_model != wanted.base_model.name:
        reasons.append(f"the base model changed from {last.base_model} to {wanted.base_model.name}")
    elif last.base_model_revision != wanted.base_model.revision:
        reasons.append(f"{wanted.base_model.name} has another revision now")
    reasons += _find_changed_columns(adapter, settings, _TRAINED_BY)
    if reasons:
        return "; ".join(reasons)
    if last.state in (RunState.FAILED, RunState.CANCELLED):
        return f"run {last.run_id} {last.state.value}, and the adapter changed since"
    return "the training options changed"


def explain_evaluation(
    adapter: Adapter,
    wanted: Wanted,
    last: Run,
    version: AdapterVersion,
    settings: Mapping[str, Any],
) -> str:
    """Return what changed since the last run, so that its version is evaluated again."""
    reasons = _find_changed_columns(adapter, settings, _EVALUATED_BY)
    if last.eval_fingerprint != wanted.eval_fingerprint:
        before, now = (last.eval_fingerprint or "").partition("-")[0], str(wanted.prompts)
        is_counted = before.isdigit() and before != now
        counts = f" ({before} before, {now} now)" if is_counted else ""
        reasons.insert(0, f"the evaluation prompts changed{counts}")
    what = "; ".join(reasons) or "the scorer, decoding or gate changed"
    return f"only {what}: v{version.version_number} is evaluated again"


def explain_row_rules(adapter: Adapter, settings: Mapping[str, Any]) -> str:
    """Return which rules for bad rows changed since a run that they would end otherwise."""
    changed = "; ".join(_find_changed_columns(adapter, settings, BAD_ROW_COLUMNS))
    if "on_personal_data ignore -> refuse" in changed:
        return f"{changed}: the last run did not look for what is refused now"
    return f"{changed}: rows that the last run found are judged otherwise now"


def _find_changed_columns(
    adapter: Adapter, settings: Mapping[str, Any], columns: Iterable[str]
) -> list[str]:
    """Return which columns changed since a run, from what to what."""
    recorded = settings.get("adapter")
    if not isinstance(recorded, dict):
        return []
    pairs = [(n, _show(recorded[n]), _show(getattr(adapter, n))) for n in columns if n in recorded]
    return [f"{name} {before} -> {now}" for name, before, now in pairs if before != now]


def _describe_changes(changes: SampleChanges | None) -> str | None:
    if changes is None:
        return None
    counts = {
        "edited": changes.edited,
        "new": changes.added,
        "gone": changes.removed,
        "moved into or out of validation": changes.moved,
    }
    parts = [f"{count:,} {word}" for word, count in counts.items() if count]
    samples = "sample" if changes.before == 1 else "samples"
    return f"{', '.join(parts)} of {changes.before:,} {samples}" if parts else None


def _compare_counts(wanted: Wanted, fingerprint: str) -> str:
    before, rows = fingerprint.split("-")[0], wanted.samples + wanted.validation
    if before == str(rows):
        return f"the content of the samples changed ({rows:,} rows)"
    return f"the samples changed: {int(before):,} rows before, {rows:,} now"


def _show(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, list | tuple):
        return repr(",".join(map(str, value)))
    text = str(value)
    is_plain = isinstance(value, int | float) or text.replace("_", "").isalnum()
    return (text if is_plain else repr(text))[:_SHOWN_CHARACTERS]


def explain_retired(version: AdapterVersion) -> str:
    """Return why a version that would only be evaluated is trained again."""
    return f"v{version.version_number} is retired, so it cannot be evaluated: it is trained again"


def explain_unfinished(run: Run) -> str:
    """Return where an unfinished run continues."""
    if run.state is RunState.PAUSED:
        return f"run {run.run_id} was paused while {(run.resume_state or run.state).value}"
    return f"run {run.run_id} stopped while {run.state.value}"


def find_reason_not_to_repeat(last: Run, *, max_attempts: int, now: datetime) -> NotRepeated | None:
    """Return why an unsuccessful run is not repeated now; None if it may be."""
    name = f"run {last.run_id}"
    if last.state is RunState.CANCELLED:
        reason = f"{name} was cancelled and nothing changed since (use --force)"
        return NotRepeated(reason, is_waiting=False)
    if not last.is_retryable:
        reason = (
            f"{name} failed and nothing changed since: {last.error_message} (--force tries again)"
        )
        return NotRepeated(reason, is_waiting=False)
    if last.failure_count >= max_attempts:
        reason = f"{name} failed {last.failure_count} times in a row: {last.error_message}"
        return NotRepeated(reason, is_waiting=False)
    if last.next_attempt_at is not None and now < last.next_attempt_at:
        at = last.next_attempt_at.strftime("%Y-%m-%d %H:%M:%S UTC")
        reason = f"{name} failed ({last.error_message}); it is tried again from {at}"
        return NotRepeated(reason, is_waiting=True)
    return None
