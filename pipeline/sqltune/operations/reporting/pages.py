"""Makes pages of what was read: templates of HTML, in which every value is escaped text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from sqltune.database.tables.reported_rows import ReportedPrompt, ReportedVersion
from sqltune.database.times import parse_time
from sqltune.operations.reporting import wording
from sqltune.operations.reporting.charts import draw_losses, draw_scores
from sqltune.operations.reporting.contents import (
    TEXT_SHOWN,
    AdapterReport,
)
from sqltune.operations.reporting.differences import AnswerPart, mark_differences
from sqltune.settings import VERSION
from sqltune.visible import visible

_TEMPLATES = Path(__file__).parent / "templates"
#: Bytes that the prompts of a page may take together; the page says how many are left out.
_PROMPT_BYTES = 4_000_000
#: Prompts of one outcome, and versions, that are shown at once; the others are folded away.
_PROMPTS_OPEN, _VERSIONS_OPEN = 50, 5


@dataclass(frozen=True, slots=True)
class OutcomeSection:
    """The prompts of one outcome."""

    outcome: str
    count: int  #: all of them
    prompts: list[Markup]  #: those that are shown


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """One adapter in the index over all pages."""

    address: str  #: of its page, beside the index
    adapter_name: str
    state: str  #: as `sqltune status` shows it
    state_since: datetime | None
    verdict: str
    change: str | None
    subject: ReportedVersion | None  #: the latest evaluated version


def render_adapter(report: AdapterReport, *, now: datetime, has_index: bool) -> str:
    """Return the page of one adapter.

    Args:
        report: what it shows.
        now: when it is written.
        has_index: whether an index lies beside it.
    """
    sections = _prompt_sections(report)
    return (
        _environment()
        .get_template("adapter.html")
        .render(
            report=report,
            now=now,
            has_index=has_index,
            groups=wording.group_prompts(report.prompt_counts),
            sections=sections,
            scores=draw_scores(report.versions, report.evaluations),
            losses=draw_losses(report.steps),
        )
    )


def summarise_report(report: AdapterReport, address: str) -> IndexEntry:
    """Return what the index shows of a report, whose page has this address."""
    return IndexEntry(
        address=address,
        adapter_name=report.adapter_name,
        state=report.status["state"],
        state_since=parse_time(report.status["state_since"]),
        verdict=wording.describe_verdict(report),
        change=wording.describe_change(report),
        subject=report.subject,
    )


def render_index(entries: Sequence[IndexEntry], *, now: datetime) -> str:
    """Return the page that leads to those of several adapters."""
    return _environment().get_template("index.html").render(entries=entries, now=now)


def _prompt_sections(report: AdapterReport) -> list[OutcomeSection]:
    """Return the prompts as HTML, regressions first, until a page has room for no more."""
    counts = dict.fromkeys(wording.OUTCOMES, 0)
    for row in report.prompt_counts:
        counts[row.outcome] += row.prompt_count
    shown = {
        outcome: list(prompts)
        for outcome, prompts in groupby(_render_prompts(report.prompts), lambda pair: pair[0])
    }
    return [
        OutcomeSection(outcome, count, [html for _, html in shown.get(outcome, [])])
        for outcome, count in counts.items()
        if count
    ]


def _render_prompts(prompts: Sequence[ReportedPrompt]) -> Iterator[tuple[str, Markup]]:
    template: Any = _environment().get_template("prompt.html").module
    left = _PROMPT_BYTES
    for prompt in prompts:
        before, after = _answers(prompt)
        html = template.prompt_block(prompt, before, after)
        left -= len(html.encode())
        if left < 0:
            return
        yield prompt.outcome, html


def _answers(prompt: ReportedPrompt) -> tuple[list[AnswerPart], list[AnswerPart]]:
    before, after = _cut(prompt.response_before), _cut(prompt.response_after)
    if before is None or after is None:
        return _unmarked(before), _unmarked(after)
    return mark_differences(before, after)


def _unmarked(text: str | None) -> list[AnswerPart]:
    return [] if text is None else [AnswerPart(text, is_marked=False)]


def _cut(text: str | None) -> str | None:
    """Return a text, its beginning and a sign where it is long."""
    return f"{text[:TEXT_SHOWN]}…" if text is not None and len(text) > TEXT_SHOWN else text


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES, encoding="utf-8"),
        autoescape=True,
        finalize=_show,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "outcomes": wording.OUTCOMES,
        "describe_verdict": wording.describe_verdict,
        "describe_change": wording.describe_change,
        "describe_compared": wording.describe_compared,
        "describe_changes": wording.describe_changes,
        "describe_dataset": wording.describe_dataset,
        "describe_samples": wording.describe_samples,
        "prompts_open": _PROMPTS_OPEN,
        "versions_open": _VERSIONS_OPEN,
        "sqltune_version": VERSION,
    }
    environment.filters |= {
        "score": wording.show_score,
        "change": wording.show_change,
        "count": wording.show_count,
        "time": wording.show_time,
        "seconds": wording.show_seconds,
        "words": wording.show_words,
        "cut": _cut,
    }
    return environment


def _show(value: object) -> object:
    """Return what is put into a page: characters that steer or hide are written as escapes."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return visible(value, keep="\n\t")
    return "–" if value is None else value
