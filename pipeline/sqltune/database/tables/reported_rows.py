"""The rows that `sqltune report` shows about one adapter."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


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
class ChangedCount:
    """How many samples differ in one way between two versions."""

    sample_change: str  #: added, edited, gone
    sample_count: int


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
