"""Says in words and figures what a report found; what people and models wrote is only quoted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqltune.database.tables.reported_rows import PromptCount, ReportedVersion
from sqltune.operations.reporting.contents import AdapterReport
from sqltune.records import Phase, RunState

_MINUTE, _HOUR = 60, 3_600
#: Changes up to this are none.
_TIE = 1e-9
#: Each outcome with its word and a sign that needs no colour.
OUTCOMES = {
    "regressed": ("worse", "▼"),
    "improved": ("better", "▲"),
    "not_compared": ("not compared", "–"),
    "unchanged": ("equal", "="),
}


@dataclass(frozen=True, slots=True)
class PromptGroup:
    """The prompts that were not trained on, or those that were, in figures."""

    name: str
    prompts: int
    compared: int
    worse: int
    better: int
    mean_before: float | None  #: None: none is compared
    mean_after: float | None

    @property
    def mean_change(self) -> float | None:
        """How much the mean score rose."""
        if self.mean_before is None or self.mean_after is None:
            return None
        return self.mean_after - self.mean_before


def describe_verdict(report: AdapterReport) -> str:
    """Return in one sentence what is live, and what the gate decided last."""
    live, subject = report.status["live_version"], report.subject
    is_failed = report.status["run_state"] == RunState.FAILED.value
    failure = "The last run failed. " if is_failed else ""
    stays = f"v{live} is live" if live else "nothing is live"
    if subject is None:
        return f"{failure}No version was evaluated yet; {stays}."
    name = f"v{subject.version_number}"
    if subject.is_live:
        return f"{failure}{name} is live."
    verb = "accepted" if subject.decision == "accepted" else "rejected"
    return f"{failure}{name} was {verb}; {stays}."


def describe_change(report: AdapterReport) -> str | None:
    """Return in one sentence whether the answers are better; None where nothing was compared."""
    subject = report.subject
    if subject is None or subject.mean_change is None:
        return None
    against = describe_compared(report)
    change, low, high = subject.mean_change, subject.interval_low, subject.interval_high
    if abs(change) <= _TIE:
        return f"On average its answers are as good as those of {against}."
    word = "better" if change > 0 else "worse"
    text = f"Its answers are {word} than those of {against}: {show_change(change)} on average"
    if low is None or high is None:
        return f"{text}, on a single prompt."
    level = f"{subject.interval_level or 0.95:.0%}"
    interval = f"{level} interval {show_change(low)} to {show_change(high)}"
    is_shown = low > 0 or high < 0
    return f"{text} ({interval}){'' if is_shown else ', which may be chance'}."


def describe_compared(report: AdapterReport) -> str:
    """Return what the answers were compared with."""
    subject = report.subject
    if subject is None or subject.compared_phase == Phase.BASE:
        return "the base model"
    found = (e for e in report.evaluations if e.run_id == subject.evaluation_run_id)
    number = next((e.compared_version for e in found), None)
    return "the version before" if number is None else f"v{number}"


def describe_samples(version: ReportedVersion) -> str:
    """Return how many samples a version was trained on."""
    samples = f"{version.sample_count:,} sample{'' if version.sample_count == 1 else 's'}"
    if version.validation_count:
        samples += f" and {version.validation_count:,} for validation"
    return samples


def describe_changes(report: AdapterReport) -> str:
    """Return how many samples differ from those of the version before."""
    if report.previous is None:
        return "all of them new"
    return _join_counts({row.sample_change: row.sample_count for row in report.changed_counts})


def describe_dataset(version: ReportedVersion) -> str:
    """Return what changed in the samples since the adapter's dataset before."""
    counts = {
        "added": version.samples_added,
        "edited": version.samples_edited,
        "gone": version.samples_removed,
    }
    number = version.dataset_number
    return "–" if number is None else f"dataset {number}: {_join_counts(counts)}"


def _join_counts(counts: Mapping[str, int | None]) -> str:
    parts = [f"{count:,} {word}" for word, count in counts.items() if count]
    return ", ".join(parts) or "none changed"


def group_prompts(counts: list[PromptCount]) -> list[PromptGroup]:
    """Return the clean prompts and the leaked ones, each kind that there is."""
    names = ("not trained on (clean)", "trained on (leaked)")
    groups = []
    for is_leaked, name in enumerate(names):
        rows = [row for row in counts if row.is_leaked == is_leaked]
        compared = sum(row.prompt_count for row in rows if row.sum_before is not None)
        before = sum(row.sum_before or 0.0 for row in rows)
        after = sum(row.sum_after or 0.0 for row in rows)
        by_outcome = {row.outcome: row.prompt_count for row in rows}
        if rows:
            groups.append(
                PromptGroup(
                    name=name,
                    prompts=sum(row.prompt_count for row in rows),
                    compared=compared,
                    worse=by_outcome.get("regressed", 0),
                    better=by_outcome.get("improved", 0),
                    mean_before=before / compared if compared else None,
                    mean_after=after / compared if compared else None,
                )
            )
    return groups


def show_score(score: float | None) -> str:
    """Return a score with three digits; a dash where there is none."""
    return "–" if score is None else f"{score:.3f}"


def show_change(change: float | None) -> str:
    """Return a change with its sign."""
    if change is None:
        return "–"
    return f"{change:+.3f}".replace("-", "−")


def show_count(count: float | None) -> str:
    """Return a count with its thousands."""
    return "–" if count is None else f"{count:,.0f}"


def show_time(moment: datetime | None) -> str:
    """Return a time to the minute, which is UTC."""
    return "–" if moment is None else f"{moment:%Y-%m-%d %H:%M}"


def show_seconds(seconds: float | None) -> str:
    """Return a duration such as 42 s, 1 min 42 s, 2 h 5 min."""
    if seconds is None:
        return "–"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    return f"{whole // _HOUR:,} h {whole % _HOUR // _MINUTE} min"


def show_words(name: str | None) -> str:
    """Return a word of our own, such as not_compared, as people write it."""
    return "–" if name is None else name.replace("_", " ")
