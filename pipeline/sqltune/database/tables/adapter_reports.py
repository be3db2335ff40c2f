"""What `sqltune report` reads about one adapter: every list is bounded, and so are long texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from sqltune.database.connection import Session
from sqltune.database.tables.reported_rows import (
    ChangedCount,
    PredictionCount,
    PromptCount,
    QuestionCount,
    ReportedEvaluation,
    ReportedIssue,
    ReportedMove,
    ReportedPrompt,
    ReportedRun,
    ReportedSample,
    ReportedStep,
    ReportedUse,
    ReportedVersion,
    RuleCount,
    RunTotals,
)
from sqltune.database.times import parse_time

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_Record = TypeVar("_Record", bound="DataclassInstance")
#: How columns of whole numbers end.
_COUNTED = ("_count", "_tokens", "_processed")


def list_versions(session: Session, adapter_name: str, row_limit: int) -> list[ReportedVersion]:
    """Return the last versions of an adapter, the latest first."""
    rows = session.fetch_all(
        "list_reported_versions", adapter_name=adapter_name, row_limit=row_limit
    )
    return _records(ReportedVersion, rows)


def list_evaluations(
    session: Session, adapter_name: str, row_limit: int
) -> list[ReportedEvaluation]:
    """Return the last evaluations of an adapter, the latest first."""
    rows = session.fetch_all(
        "list_reported_evaluations", adapter_name=adapter_name, row_limit=row_limit
    )
    return _records(ReportedEvaluation, rows)


def list_changed_samples(
    session: Session, adapter_name: str, versions: tuple[int, int], row_limit: int, text_limit: int
) -> list[ReportedSample]:
    """Return samples that differ between an old and a new version."""
    rows = session.fetch_all(
        "list_reported_samples",
        adapter_name=adapter_name,
        old_version=versions[0],
        version_number=versions[1],
        row_limit=row_limit,
        text_limit=text_limit,
    )
    return _records(ReportedSample, rows)


def count_changed_samples(
    session: Session, adapter_name: str, versions: tuple[int, int]
) -> list[ChangedCount]:
    """Return how many samples differ between an old and a new version, and how."""
    rows = session.fetch_all(
        "count_reported_samples",
        adapter_name=adapter_name,
        old_version=versions[0],
        version_number=versions[1],
    )
    return _records(ChangedCount, rows)


def list_prompts(
    session: Session, adapter_name: str, version_number: int, row_limit: int, text_limit: int
) -> list[ReportedPrompt]:
    """Return the answers before and after of one version, regressions and great changes first."""
    rows = session.fetch_all(
        "list_reported_prompts",
        adapter_name=adapter_name,
        version_number=version_number,
        row_limit=row_limit,
        text_limit=text_limit,
    )
    return _records(ReportedPrompt, rows)


def count_prompts(session: Session, adapter_name: str, version_number: int) -> list[PromptCount]:
    """Return how many prompts of a version's last evaluation had each outcome."""
    rows = session.fetch_all(
        "count_reported_prompts", adapter_name=adapter_name, version_number=version_number
    )
    return _records(PromptCount, rows)


def list_steps(
    session: Session, run_id: int, step_count: int, row_limit: int
) -> list[ReportedStep]:
    """Return about so many steps of a run, and each that has a validation loss."""
    row = session.fetch_one("get_training_summary", run_id=run_id)
    last = int(row.last_step or 0) if row is not None else 0
    rows = session.fetch_all(
        "list_reported_steps",
        run_id=run_id,
        last_step=last,
        stride=max(1, last // step_count),
        row_limit=row_limit,
    )
    return _records(ReportedStep, rows)


def list_runs(session: Session, adapter_name: str, row_limit: int) -> list[ReportedRun]:
    """Return the last runs of an adapter, the latest first."""
    rows = session.fetch_all("list_reported_runs", adapter_name=adapter_name, row_limit=row_limit)
    return _records(ReportedRun, rows)


def sum_runs(session: Session, adapter_name: str) -> RunTotals:
    """Return what all runs of an adapter took."""
    row = session.fetch_one("sum_reported_runs", adapter_name=adapter_name)
    return _records(RunTotals, [row])[0]


def count_issues(session: Session, run_id: int) -> list[RuleCount]:
    """Return how many rows of a run's selections break each rule."""
    return _records(RuleCount, session.fetch_all("list_issue_counts", run_id=run_id))


def list_issues(session: Session, run_id: int, row_limit: int) -> list[ReportedIssue]:
    """Return the first findings of a run."""
    rows = session.fetch_all("list_issues", run_id=run_id, page_size=row_limit)
    return _records(ReportedIssue, rows)


def list_moves(session: Session, adapter_name: str, row_limit: int) -> list[ReportedMove]:
    """Return what was live last, the present first."""
    rows = session.fetch_all("list_reported_moves", adapter_name=adapter_name, row_limit=row_limit)
    return _records(ReportedMove, rows)


def list_use(session: Session, adapter_name: str, row_limit: int) -> list[ReportedUse]:
    """Return how often each version was asked, the last version first."""
    rows = session.fetch_all("list_reported_use", adapter_name=adapter_name, row_limit=row_limit)
    return _records(ReportedUse, rows)


def count_questions(session: Session, adapter_name: str) -> list[QuestionCount]:
    """Return how many rows of questions an adapter has, by state."""
    rows = session.fetch_all("count_reported_questions", adapter_name=adapter_name)
    return _records(QuestionCount, rows)


def count_predictions(session: Session, adapter_name: str) -> PredictionCount:
    """Return how many rows of the prediction_query were answered."""
    row = session.fetch_one("count_reported_predictions", adapter_name=adapter_name)
    return _records(PredictionCount, [row])[0]


def _records(kind: type[_Record], rows: Sequence[Any]) -> list[_Record]:
    """Return records of one kind, whose fields are columns of the rows."""
    names = [each.name for each in fields(kind)]
    return [kind(**{name: _value(name, getattr(row, name)) for name in names}) for row in rows]


def _value(name: str, value: object) -> object:
    """Return a value of one type on every engine: MySQL sums as DECIMAL, SQLite has text times."""
    if name.endswith("_at"):
        return parse_time(value)
    if isinstance(value, Decimal):
        return int(value) if name.endswith(_COUNTED) else float(value)
    return value
