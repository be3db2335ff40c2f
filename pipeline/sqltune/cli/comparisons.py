"""Prints what `sqltune compare` found: a block per prompt that fits 80 columns, then a summary."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqltune.cli.output import shown_text
from sqltune.cli.tables import open_console, write_labelled
from sqltune.visible import visible

if TYPE_CHECKING:
    from rich.console import Console

    from sqltune.operations.comparing import AnswersBeforeAfter, Summary

_WORDS = {"improved": "better", "regressed": "worse", "unchanged": "equal"}
_TEXTS = (("expected", "expected"), ("before", "response_before"), ("after", "response_after"))


def write_comparison(comparison: AnswersBeforeAfter) -> None:
    """Write a version's answers beside those before, and the summary."""
    with open_console() as console:
        for row in comparison.prompts:
            write_answers(console, _outcome(row), row)
        write_labelled(console, list(_closing(comparison)))


def write_demo(rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the demo's answers before and after."""
    with open_console() as console:
        for row in rows:
            scores = (row["score_before"], row["score_after"])
            known = None not in scores
            words = f"{scores[0]:g} -> {scores[1]:g}" if known else "not scored"
            write_answers(console, words, row)


def write_answers(console: Console, outcome: str, row: Mapping[str, Any]) -> None:
    """Write a prompt with what came of it, and its texts below."""
    prompt = visible(" ".join(str(row["prompt"]).split()))
    write_labelled(console, [(outcome, prompt)])
    texts = [(label, row.get(column)) for label, column in _TEXTS]
    write_labelled(console, [(f"  {n}", shown_text(text)) for n, text in texts if text is not None])
    console.print()


def _outcome(row: dict[str, Any]) -> str:
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
