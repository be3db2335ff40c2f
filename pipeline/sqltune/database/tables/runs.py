"""Rows of `runs` with their events; only the runner and the commands write them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from sqltune.database.connection import Session
from sqltune.database.times import format_time, parse_time
from sqltune.records import OpenRun, Run, RunKind, RunState, parse_flag

Word = TypeVar("Word", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class NewRun:
    """What a run is at its beginning."""

    adapter_name: str
    run_key: str
    run_kind: RunKind
    trigger_reason: str
    backend: str
    is_simulated: bool
    base_model: str
    base_model_revision: str | None
    fingerprint: str | None
    eval_fingerprint: str | None
    training_key: str
    evaluation_key: str
    version_number: int | None  #: of an evaluation: the version to evaluate
    before_version: int | None  #: the live version, if it is another one
    settings: dict[str, Any]
    failure_count: int
    next_step: str
    is_trial: bool = False
    manifest_id: int | None = None  #: given by the request; None: the selection makes one
    training_columns: str | None = None  #: optional columns that the selection uses
    eval_columns: str | None = None  #: the same of the evaluation selection


@dataclass(frozen=True, slots=True)
class RunColumns:
    """The optional columns that the selections of a run used, separated by commas."""

    run_id: int
    training: str
    evaluation: str


@dataclass(frozen=True, slots=True)
class RunEnd:
    """How a run ended, or how a request was answered without a run."""

    state: RunState
    error_code: str | None = None
    error_message: str | None = None
    is_retryable: bool | None = None
    failure_count: int | None = 0  #: None: unchanged
    next_attempt_at: datetime | None = None
    next_step: str = ""
    trigger_reason: str | None = None  #: None: unchanged
    version_number: int | None = None  #: of a request that needed no run: the version it got


def insert_run(session: Session, run: NewRun, *, now: datetime) -> int:
    """Insert a new run and return its id."""
    session.execute("insert_run", **row_values(run, now), state=RunState.QUEUED.value)
    row = session.fetch_one("get_run_by_key", run_key=run.run_key)
    assert row is not None, "the run was inserted in this transaction"  # noqa: S101
    return int(row.run_id)


def row_values(run: NewRun, now: datetime) -> dict[str, Any]:
    """Return a new run as the values of its row."""
    values = {name: getattr(run, name) for name in run.__dataclass_fields__}
    return values | {
        "run_kind": run.run_kind.value,
        "is_simulated": int(run.is_simulated),
        "is_trial": int(run.is_trial),
        # A refused row may hold bytes, which SQLite stores in any column.
        "settings": json.dumps(run.settings, ensure_ascii=False, sort_keys=True, default=repr),
        "now": format_time(now),
    }


def get_run(session: Session, run_id: int) -> Run | None:
    """Return a run, or None if there is none with this id."""
    row = session.fetch_one("get_run", run_id=run_id)
    return _run(row) if row is not None else None


def get_run_settings(session: Session, run_id: int) -> dict[str, Any]:
    """Return the effective settings that the run began with; empty if they cannot be parsed."""
    row = session.fetch_one("get_run", run_id=run_id)
    try:
        settings = json.loads(row.settings) if row is not None and row.settings else {}
    except (TypeError, ValueError):
        return {}
    return settings if isinstance(settings, dict) else {}


def get_sample_counts(session: Session, run_id: int) -> tuple[int, int]:
    """Return how many samples a run selected, and how many of them it left out."""
    row = session.fetch_one("get_sample_counts", run_id=run_id)
    return (0, 0) if row is None else (int(row.selected), int(row.skipped))


def find_unfinished_run(session: Session, adapter_name: str) -> Run | None:
    """Return the run that a runner began and that has not ended, if any."""
    rows = session.fetch_all("list_unfinished_runs", adapter_name=adapter_name)
    return get_run(session, rows[0].run_id) if rows else None


def find_last_ended_run(session: Session, adapter_name: str) -> Run | None:
    """Return the last of the ended runs, if any."""
    row = session.fetch_one("find_last_ended_run", adapter_name=adapter_name)
    return get_run(session, row.run_id) if row is not None else None


def find_last_planned_run(session: Session, adapter_name: str) -> Run | None:
    """Return the last of the ended runs whose wanted keys were known, if any."""
    row = session.fetch_one("find_last_planned_run", adapter_name=adapter_name)
    return get_run(session, row.run_id) if row is not None else None


def find_last_run_of_kind(session: Session, adapter_name: str, run_kind: RunKind) -> Run | None:
    """Return the last ended run of a kind, trials too, if any."""
    row = session.fetch_one(
        "find_last_run_of_kind", adapter_name=adapter_name, run_kind=run_kind.value
    )
    return get_run(session, row.run_id) if row is not None else None


def find_last_columns(session: Session, adapter_name: str) -> RunColumns | None:
    """Return what the selections of the last finished run used, trials left out."""
    row = session.fetch_one("find_last_columns", adapter_name=adapter_name)
    if row is None:
        return None
    return RunColumns(int(row.run_id), row.training_columns, row.eval_columns or "")


def begin_run(
    session: Session, run_id: int, *, now: datetime, started_at: datetime | None = None
) -> None:
    """Record that a runner begins or resumes the run, and how long it waited the first time.

    Args:
        session: the fenced transaction.
        run_id: the run.
        now: UTC.
        started_at: when a new run begins; None: now.
    """
    row = session.fetch_one("get_run", run_id=run_id)
    queued_at = parse_time(row.queued_at) if row is not None else None
    waited = max(0.0, (now - queued_at).total_seconds()) if queued_at else 0.0
    session.execute(
        "begin_run",
        run_id=run_id,
        now=format_time(now),
        started_at=format_time(started_at or now),
        wait_seconds=round(waited, 3),
    )


def set_run_state(
    session: Session, run: Run, state: RunState, *, next_step: str, now: datetime
) -> bool:
    """Move the run to a state; return False if it was not in the state that the caller knew.

    A paused run remembers the state that it resumes with.
    """
    matched = session.execute(
        "set_run_state",
        run_id=run.run_id,
        state=state.value,
        old_state=run.state.value,
        resume_state=run.state.value if state is RunState.PAUSED else None,
        next_step=next_step,
        now=format_time(now),
    )
    return matched == 1


def set_next_step(session: Session, run_id: int, next_step: str) -> None:
    """Store what comes next, while the state stays the same."""
    session.execute("set_next_step", run_id=run_id, next_step=next_step)


def set_last_alive(session: Session, run_id: int, *, now: datetime) -> None:
    """Record that the run's runner is alive."""
    session.execute("set_last_alive", run_id=run_id, now=format_time(now))


def set_stuck(session: Session, run_id: int, reason: str | None) -> None:
    """Record why the run is stuck, or that it is not (None); an ended run is left unchanged."""
    session.execute(
        "set_stuck", run_id=run_id, is_stuck=int(reason is not None), stuck_reason=reason
    )


def end_run(session: Session, run: Run, end: RunEnd, *, now: datetime) -> bool:
    """Store how a run ended; return False if it had ended already."""
    started_at = run.started_at or now
    seconds = round(max(0.0, (now - started_at).total_seconds()), 3)
    return _end(session, run.run_id, end, now=now, run_seconds=seconds)


def end_request(session: Session, run_id: int, end: RunEnd, *, now: datetime) -> bool:
    """Answer a request at once; return False if a runner has begun it or it has ended."""
    return _end(session, run_id, end, now=now, is_request=True)


def end_unreadable_run(session: Session, run: OpenRun, end: RunEnd, *, now: datetime) -> bool:
    """End a run whose row no runner can continue from; return False if it has changed again."""
    return _end(session, run.run_id, end, now=now, old_state=run.state)


def _end(
    session: Session,
    run_id: int,
    end: RunEnd,
    *,
    now: datetime,
    run_seconds: float | None = None,
    is_request: bool = False,
    old_state: str | None = None,
) -> bool:
    """Run the one UPDATE that ends a row of `runs`; return whether it matched."""
    matched = session.execute(
        "end_run",
        run_id=run_id,
        run_seconds=run_seconds,
        is_request=int(is_request),
        old_state=old_state,
        **end_values(end, now),
    )
    return matched == 1


def end_values(end: RunEnd, now: datetime) -> dict[str, Any]:
    """Return an end as the values of its row."""
    return asdict(end) | {
        "state": end.state.value,
        "is_retryable": None if end.is_retryable is None else int(end.is_retryable),
        "next_attempt_at": format_time(end.next_attempt_at) if end.next_attempt_at else None,
        "now": format_time(now),
    }


def reopen_run(
    session: Session, run_id: int, state: RunState, *, next_step: str, now: datetime
) -> None:
    """Let an ended run continue from `state`, because a person asked for it."""
    session.execute(
        "reopen_run", run_id=run_id, state=state.value, next_step=next_step, now=format_time(now)
    )


def set_run_selection(session: Session, run_id: int, **values: object) -> None:
    """Store the result of the training selection: manifest, fingerprint, key, sample counts."""
    session.execute("set_run_selection", run_id=run_id, **values)


def set_run_prompts(
    session: Session, run_id: int, *, prompts: int, eval_fingerprint: str, evaluation_key: str
) -> None:
    """Store the result of the evaluation selection."""
    session.execute(
        "set_run_prompts",
        run_id=run_id,
        prompts_selected=prompts,
        eval_fingerprint=eval_fingerprint,
        evaluation_key=evaluation_key,
    )


def set_run_steps_total(session: Session, run_id: int, steps_total: int) -> None:
    """Store how many steps the training has."""
    session.execute("set_run_steps_total", run_id=run_id, steps_total=steps_total)


def set_run_version(
    session: Session, run_id: int, version_number: int, *, cost_usd: float | None
) -> None:
    """Store the version that the run trained, and what it cost."""
    session.execute(
        "set_run_version", run_id=run_id, version_number=version_number, cost_usd=cost_usd
    )


def get_desired_state(session: Session, run_id: int) -> str:
    """Return the run's desired state as written; a deleted row counts as cancelled."""
    row = session.fetch_one("get_desired_state", run_id=run_id)
    return str(row.desired_state) if row is not None else "cancelled"


def request_cancel(session: Session, run_id: int) -> bool:
    """Ask for the end of a run; return False if it has ended or does not exist."""
    return session.execute("request_cancel", run_id=run_id) == 1


def _word(words: type[Word], value: Any) -> Word | None:
    try:
        return words(value)
    except ValueError:
        return None


def _run(row: Any) -> Run:
    return Run(
        run_id=row.run_id,
        adapter_name=row.adapter_name,
        # No runner writes any other word; reconciling ends such a run.
        state=_word(RunState, row.state) or RunState.FAILED,
        desired_state=row.desired_state,
        run_key=row.run_key,
        run_kind=_word(RunKind, row.run_kind),
        backend=row.backend,
        base_model=row.base_model,
        base_model_revision=row.base_model_revision,
        fingerprint=row.fingerprint,
        eval_fingerprint=row.eval_fingerprint,
        training_key=row.training_key,
        evaluation_key=row.evaluation_key,
        manifest_id=row.manifest_id,
        version_number=row.version_number,
        before_version=row.before_version,
        samples_used=row.samples_used,
        prompts_selected=row.prompts_selected,
        is_forced=parse_flag(row.is_forced) is True,
        is_trial=bool(row.is_trial),
        resume_state=_word(RunState, row.resume_state),
        failure_count=row.failure_count,
        is_retryable=None if row.is_retryable is None else bool(row.is_retryable),
        next_attempt_at=parse_time(row.next_attempt_at),
        started_at=parse_time(row.started_at),
        finished_at=parse_time(row.finished_at),
        error_code=row.error_code,
        error_message=row.error_message,
        from_run_id=row.from_run_id,
        from_epoch=row.from_epoch,
    )
