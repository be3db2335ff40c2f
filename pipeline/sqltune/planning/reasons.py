"""Why a plan is what it is, in sentences for people: `adapter_states.decision_reason`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqltune.planning.wanted import Wanted
from sqltune.records import Adapter, AdapterVersion, Run, RunState


@dataclass(frozen=True, slots=True)
class NotRepeated:
    """Why a run that failed or was cancelled is not repeated now."""

    reason: str
    is_waiting: bool  #: it is tried again later; False: only when something changes


def explain_training(adapter: Adapter, wanted: Wanted, last: Run) -> str:
    """Return what changed since the last run, so that a version is trained."""
    if last.fingerprint != wanted.fingerprint and last.fingerprint is not None:
        before, rows = last.fingerprint.split("-")[0], wanted.samples + wanted.validation
        if before == str(rows):
            return f"the content of the samples changed ({rows:,} rows)"
        return f"the samples changed: {int(before):,} rows before, {rows:,} now"
    if last.backend != adapter.backend:
        return f"the backend changed from {last.backend} to {adapter.backend}"
    if last.base_model != wanted.base_model.name:
        return f"the base model changed from {last.base_model} to {wanted.base_model.name}"
    if last.base_model_revision != wanted.base_model.revision:
        return f"{wanted.base_model.name} has another revision now"
    if last.state in (RunState.FAILED, RunState.CANCELLED):
        return f"run {last.run_id} {last.state.value}, and the adapter changed since"
    return "the training options changed"


def explain_evaluation(wanted: Wanted, last: Run, version: AdapterVersion) -> str:
    """Return what changed since the last run, so that its version is evaluated again."""
    label = f"v{version.version_number}"
    if last.eval_fingerprint != wanted.eval_fingerprint:
        return f"only the evaluation prompts changed: {label} is evaluated again"
    return f"only the scorer, decoding or gate changed: {label} is evaluated again"


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
