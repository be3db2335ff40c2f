"""What `sqltune report` reads about one adapter: every list is bounded, and so are long texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from sqltune.database.connection import Session
from sqltune.database.times import parse_time

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_Record = TypeVar("_Record", bound="DataclassInstance")
#: How columns of whole numbers end.
_COUNTED = ("_count", "_tokens", "_processed")


@dataclass(frozen=True, slots=True)
class ReportedVersion:
    """One version: what it was trained on and how, and the verdict of its last evaluation."""

    version_number: int
    state: str  #: trained, accepted, rejected
    is_latest: int
    run_id: int
    evaluation_run_id: int | None
    is_live: int
    is_trial: int
    is_simulated: int
    backend: str
    base_model: str
    base_model_revision: str | None
    epochs: int
    learning_rate: float | None
    lora_rank: int | None
    lora_alpha: int | None
    batch_size: int | None
    warmup_share: float | None
    rehearsal: str
    seed: int
    prompt_format: str
    quantization: str
    dataset_number: int | None
    sample_count: int
    validation_count: int
    samples_added: int | None
    samples_edited: int | None
    samples_removed: int | None
    forgotten_count: int
    best_epoch: int | None
    created_at: datetime | None
    retired_at: datetime | None
    decision: str | None  #: None: it was never evaluated to the end, and so are all that follow
    reason: str | None
    compared_phase: str | None
    prompts_compared: int | None
    error_count: int | None
    leaked_count: int | None
    wins: int | None
    losses: int | None
    ties: int | None
    mean_before: float | None
    mean_after: float | None
    mean_change: float | None
    interval_low: float | None
    interval_high: float | None
    interval_level: float | None
    decided_at: datetime | None


@dataclass(frozen=True, slots=True)
class ReportedEvaluation:
    """One evaluation: the score of a version alone, over the prompts that it was not trained on."""

    evaluation_number: int
    run_id: int
    version_number: int
    compared_version: int | None  #: None: the base model
    clean_count: int
    clean_score: float | None
    interval_low: float | None
    interval_high: float | None
    comparison_key: str
    evaluated_at: datetime | None


@dataclass(frozen=True, slots=True)
class ReportedSample:
    """A sample that differs between two versions, with the beginnings of its texts."""

    sample_key: str
    sample_change: str  #: added, edited, gone
    old_prompt: str | None
    prompt: str | None
    old_response: str | None
    response: str | None


@dataclass(frozen=True, slots=True)
class ReportedPrompt:
    """One prompt of an evaluation with both answers, the beginnings of long texts alone."""

    prompt_key: str
    category: str | None
    scorer: str
    is_leaked: int
    before_is_base: int
    outcome: str  #: regressed, improved, unchanged, not_compared
    not_compared_reason: str | None
    prompt: str
    expected: str | None
    response_before: str | None
    response_after: str | None
    error_before: str | None  #: why there is no answer before
    error_after: str | None
    score_before: float | None
    score_after: float | None
    score_change: float | None


@dataclass(frozen=True, slots=True)
class PromptCount:
    """How many prompts had one outcome."""

    is_leaked: int
    outcome: str
    prompt_count: int
    sum_before: float | None  #: of the scores that are compared; None: none is
    sum_after: float | None


@dataclass(frozen=True, slots=True)
class ReportedStep:
    """One point of a loss curve."""

    step: int
    epoch: float
    train_loss: float
    eval_loss: float | None


@dataclass(frozen=True, slots=True)
class ReportedRun:
    """One run."""

    run_id: int
    run_kind: str | None  #: None: a request that no runner has begun
    version_number: int | None
    state: str
    trigger_reason: str | None
    is_trial: int
    is_simulated: int
    samples_used: int | None
    samples_skipped: int | None
    prompts_selected: int | None
    tokens_processed: int | None
    cost_usd: float | None
    run_seconds: float | None
    queued_at: datetime | None
    finished_at: datetime | None
    next_step: str | None
    stuck_reason: str | None
    error_code: str | None
    error_message: str | None


@dataclass(frozen=True, slots=True)
class RunTotals:
    """What all runs of an adapter took."""

    run_count: int
    failed_count: int
    tokens_processed: int | None
    run_seconds: float | None
    cost_usd: float | None


@dataclass(frozen=True, slots=True)
class RuleCount:
    """How many rows of a selection break one rule."""

    selection: str  #: training, evaluation
    rule: str
    severity: str  #: error, warning
    issue_count: int


@dataclass(frozen=True, slots=True)
class ReportedIssue:
    """One finding in a row of a selection."""

    selection: str
    severity: str
    rule: str
    row_key: str
    column_name: str | None
    message: str


@dataclass(frozen=True, slots=True)
class ReportedMove:
    """What was live from when until when, and why."""

    version_number: int
    old_version: int | None
    began_at: datetime | None
    ended_at: datetime | None
    moved_by: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReportedUse:
    """How often one version was asked through OpenAI's API."""

    version_number: int
    request_count: int
    error_count: int
    answered_count: int
    prompt_tokens: int
    output_tokens: int
    latency_ms_sum: float
    last_hour_at: datetime | None


@dataclass(frozen=True, slots=True)
class QuestionCount:
    """How many rows of questions are in one state."""

    state: str
    question_count: int


@dataclass(frozen=True, slots=True)
class PredictionCount:
    """How many rows of a prediction_query were answered."""

    answered_count: int
    error_count: int
    answered_at: datetime | None


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
