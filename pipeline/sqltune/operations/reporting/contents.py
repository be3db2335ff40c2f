"""Reads what a page shows about one adapter, in one session, with a bound on everything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqltune.database.connection import Session
from sqltune.database.tables import adapter_reports as tables
from sqltune.database.tables import reported_rows as rows

#: Rows of each kind on a page; the database has them all.
VERSIONS_SHOWN = 200
EVALUATIONS_SHOWN = 1_000
PROMPTS_SHOWN = 2_000
SAMPLES_SHOWN = 10
RUNS_SHOWN = 50
ISSUES_SHOWN = 20
MOVES_SHOWN = 20
USES_SHOWN = 20
#: Points of a loss curve, beside those with a validation loss.
STEPS_SHOWN = 300
CURVE_ROWS = 2_000
#: Characters of a text; one more is read, which says that it is longer.
TEXT_SHOWN = 1_500
#: The columns of adapter_versions that say how a version was trained.
_OPTIONS = (
    *("base_model", "base_model_revision", "backend", "epochs", "learning_rate", "lora_rank"),
    *("lora_alpha", "batch_size", "warmup_share", "rehearsal", "seed", "prompt_format"),
    "quantization",
)


@dataclass(frozen=True, slots=True)
class ChangedOption:
    """An option of the training that differs between two versions."""

    name: str  #: the column of adapter_versions
    before: object
    now: object


@dataclass(frozen=True, slots=True)
class RunFindings:
    """What was found in the rows that a run selected."""

    run_id: int
    counts: list[rows.RuleCount]
    issues: list[rows.ReportedIssue]  #: the first ones


@dataclass(frozen=True, slots=True)
class AdapterReport:
    """All that a page shows about one adapter."""

    status: Mapping[str, Any]  #: the row of `sqltune status`
    versions: list[rows.ReportedVersion]  #: the latest first
    subject: rows.ReportedVersion | None  #: the latest evaluated one; None: there is none
    previous: rows.ReportedVersion | None  #: that was trained before it
    evaluations: list[rows.ReportedEvaluation]  #: the latest first
    changed_options: list[ChangedOption]
    changed_counts: list[rows.ChangedCount]  #: samples that differ from those of `previous`
    changed_samples: list[rows.ReportedSample]  #: the first of them
    prompts: list[rows.ReportedPrompt]  #: of `subject`
    prompt_counts: list[rows.PromptCount]
    trained: rows.ReportedVersion | None  #: whose loss curve is shown
    steps: list[rows.ReportedStep]
    findings: list[RunFindings]
    runs: list[rows.ReportedRun]  #: the latest first
    totals: rows.RunTotals
    moves: list[rows.ReportedMove]
    uses: list[rows.ReportedUse]
    questions: list[rows.QuestionCount]
    predictions: rows.PredictionCount

    @property
    def adapter_name(self) -> str:
        """The adapter."""
        return str(self.status["adapter_name"])


def read_report(session: Session, status: Mapping[str, Any]) -> AdapterReport:
    """Return what a page shows about an adapter.

    Args:
        session: where to read.
        status: its row of `sqltune status`.
    """
    name = status["adapter_name"]
    versions = tables.list_versions(session, name, VERSIONS_SHOWN)
    own = [version for version in versions if not version.is_trial]
    subject = next((version for version in own if version.decision is not None), None)
    previous = _find_previous(own, subject)
    pair = (previous.version_number, subject.version_number) if previous and subject else None
    runs = tables.list_runs(session, name, RUNS_SHOWN)
    trained = own[0] if own else None
    return AdapterReport(
        status=status,
        versions=versions,
        subject=subject,
        previous=previous,
        evaluations=tables.list_evaluations(session, name, EVALUATIONS_SHOWN),
        changed_options=compare_options(previous, subject),
        changed_counts=tables.count_changed_samples(session, name, pair) if pair else [],
        changed_samples=(
            tables.list_changed_samples(session, name, pair, SAMPLES_SHOWN, TEXT_SHOWN + 1)
            if pair
            else []
        ),
        prompts=_read_prompts(session, name, subject),
        prompt_counts=(
            tables.count_prompts(session, name, subject.version_number) if subject else []
        ),
        trained=trained,
        steps=(
            tables.list_steps(session, trained.run_id, STEPS_SHOWN, CURVE_ROWS) if trained else []
        ),
        findings=_read_findings(session, runs, own[:1]),
        runs=runs,
        totals=tables.sum_runs(session, name),
        moves=tables.list_moves(session, name, MOVES_SHOWN),
        uses=tables.list_use(session, name, USES_SHOWN),
        questions=tables.count_questions(session, name),
        predictions=tables.count_predictions(session, name),
    )


def compare_options(
    before: rows.ReportedVersion | None, now: rows.ReportedVersion | None
) -> list[ChangedOption]:
    """Return the options that two versions were not trained with alike."""
    if before is None or now is None:
        return []
    pairs = [(name, getattr(before, name), getattr(now, name)) for name in _OPTIONS]
    return [ChangedOption(name, old, new) for name, old, new in pairs if old != new]


def _find_previous(
    versions: Sequence[rows.ReportedVersion], subject: rows.ReportedVersion | None
) -> rows.ReportedVersion | None:
    if subject is None:
        return None
    earlier = (each for each in versions if each.version_number < subject.version_number)
    return next(earlier, None)


def _read_prompts(
    session: Session, name: str, subject: rows.ReportedVersion | None
) -> list[rows.ReportedPrompt]:
    if subject is None:
        return []
    number = subject.version_number
    return tables.list_prompts(session, name, number, PROMPTS_SHOWN, TEXT_SHOWN + 1)


def _read_findings(
    session: Session,
    runs: Sequence[rows.ReportedRun],
    versions: Sequence[rows.ReportedVersion],
) -> list[RunFindings]:
    """Return the findings of the last run, and of the run that trained the last version."""
    selecting = [run.run_id for run in runs if run.run_kind != "predict"][:1]
    ids = dict.fromkeys([*selecting, *(version.run_id for version in versions)])
    found = (
        RunFindings(
            run_id,
            tables.count_issues(session, run_id),
            tables.list_issues(session, run_id, ISSUES_SHOWN),
        )
        for run_id in ids
    )
    return [findings for findings in found if findings.counts]
