"""What `sqltune compare` shows: one version's answers beside those before, and a summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from sqltune.database.connection import Session
from sqltune.database.tables import reports


@dataclass(frozen=True, slots=True)
class Summary:
    """How the answers of a version compare with those before, in figures.

    The verdict has further figures: the gate leaves out prompts that are trained on.
    """

    prompts: int
    compared: int
    better: int
    worse: int
    equal: int
    not_compared: dict[str, int]  #: by not_compared_reason
    mean_before: float | None  #: over the compared prompts; None: none is
    mean_after: float | None
    mean_change: float | None


@dataclass(frozen=True, slots=True)
class AnswersBeforeAfter:
    """The last evaluation of one version, prompt by prompt."""

    adapter_name: str
    version_number: int | None  #: None: no version was evaluated
    run_id: int | None  #: that evaluated it
    compared_version: int | None  #: None: the base model
    decision: str | None
    reason: str | None
    summary: Summary
    prompts: list[dict[str, Any]]  #: regressions first, then by the size of the change


def read_comparison(
    session: Session, adapter_name: str, version_number: int | None
) -> AnswersBeforeAfter:
    """Return how a version's answers compare with those before.

    Args:
        session: where to read.
        adapter_name: the adapter.
        version_number: None: the latest version that was evaluated.
    """
    number = version_number
    if number is None:
        number = reports.find_compared_version(session, adapter_name)
    rows = reports.list_before_after(session, adapter_name, number) if number is not None else []
    run_id = rows[0]["run_id"] if rows else None
    found = reports.get_comparison(session, run_id) if run_id is not None else None
    return AnswersBeforeAfter(
        adapter_name=adapter_name,
        version_number=number if rows else None,
        run_id=run_id,
        compared_version=found.version_number if found else None,
        decision=found.decision if found else None,
        reason=found.reason if found else None,
        summary=summarise(rows),
        prompts=rows,
    )


def summarise(rows: Sequence[dict[str, Any]]) -> Summary:
    """Count the outcomes of rows of report_before_after, and take their means."""
    compared = [row for row in rows if row["score_change"] is not None]
    outcomes = Counter(row["outcome"] for row in rows)
    reasons = Counter(row["not_compared_reason"] for row in rows if row["score_change"] is None)
    return Summary(
        prompts=len(rows),
        compared=len(compared),
        better=outcomes["improved"],
        worse=outcomes["regressed"],
        equal=outcomes["unchanged"],
        not_compared=dict(reasons),
        mean_before=_mean(compared, "score_before"),
        mean_after=_mean(compared, "score_after"),
        mean_change=_mean(compared, "score_change"),
    )


def _mean(rows: Sequence[dict[str, Any]], column: str) -> float | None:
    return round(fmean(row[column] for row in rows), 6) if rows else None
