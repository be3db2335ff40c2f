"""Prints what `sqltune compare` found: a block per prompt that fits 80 columns, then a summary."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqltune.cli.output import shown_text
from sqltune.cli.tables import open_console, write_labelled
from sqltune.visible import visible

if TYPE_CHECKING:
    from sqltune.operations.comparing import AnswersBeforeAfter, Summary

_WORDS = {"improved": "better", "regressed": "worse", "unchanged": "equal"}
_TEXTS = (("expected", "expected"), ("before", "response_before"), ("after", "response_after"))


def write_comparison(comparison: AnswersBeforeAfter) -> None:
    """Write a version's answers beside those before, and the summary."""
    write_answers(comparison.prompts)
    with open_console() as console:
        write_labelled(console, list(_closing(comparison)))


def write_answers(prompts: Sequence[Mapping[str, Any]]) -> None:
    """Write each prompt with what became of its score, and its texts below."""
    with open_console() as console:
        for row in prompts:
            prompt = visible(" ".join(str(row["prompt"]).split()))
            write_labelled(console, [(_outcome(row), prompt)])
            texts = [(f"  {label}", row[column]) for label, column in _TEXTS]
            shown = [(label, shown_text(text)) for label, text in texts if text is not None]
            write_labelled(console, shown)
            console.print()


def _outcome(row: Mapping[str, Any]) -> str:
    if row["score_change"] is None:
        return f"not compared ({row['not_compared_reason'].replace('_', ' ')})"
    leaked = "  leaked" if row["is_leaked"] else ""
    words = _WORDS[row["outcome"]]
    return f"{words}  {row['score_before']:.3f} -> {row['score_after']:.3f}{leaked}"


def _closing(comparison: AnswersBeforeAfter) -> Iterator[tuple[str, str]]:
    before = comparison.compared_version
    against = "the base model" if before is None else f"v{before}"
    name = visible(comparison.adapter_name)
    figures = describe_summary(comparison.summary)
    yield "summary", f"{name} v{comparison.version_number} against {against}: {figures}"
    if comparison.reason is not None:
        yield "verdict", f"run {comparison.run_id} {visible(comparison.reason)}"


def describe_summary(summary: Summary) -> str:
    """Return the summary in one line."""
    text = (
        f"{summary.compared:,} of {summary.prompts:,} prompts compared, {summary.better:,} better, "
        f"{summary.worse:,} worse, {summary.equal:,} equal"
    )
    if summary.mean_before is not None:
        text += (
            f"; mean score {summary.mean_before:.3f} -> {summary.mean_after:.3f} "
            f"({summary.mean_change:+.3f})"
        )
    left_out = summary.not_compared.items()
    reasons = [f"{count:,} ({name.replace('_', ' ')})" for name, count in left_out]
    return f"{text}; not compared: {', '.join(reasons)}" if reasons else text
