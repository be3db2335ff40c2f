"""Prints what `sqltune compare` found: a block per prompt that fits 80 columns, then a summary."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from sqltune.cli.output import drawing_stream, output_width, shown_text
from sqltune.visible import visible

if TYPE_CHECKING:
    from rich.console import Console

    from sqltune.operations.comparing import AnswersBeforeAfter, Summary

_WORDS = {"improved": "better", "regressed": "worse", "unchanged": "equal"}
_TEXTS = (("expected", "expected"), ("before", "response_before"), ("after", "response_after"))


def write_comparison(comparison: AnswersBeforeAfter) -> None:
    """Write a version's answers beside those before, and the summary."""
    from rich.console import Console

    sys.stdout.flush()
    stream = drawing_stream(sys.stdout)
    console = Console(file=stream, width=output_width(), highlight=False)
    for row in comparison.prompts:
        prompt = visible(" ".join(str(row["prompt"]).split()))
        _write_lines(console, [(_outcome(row), prompt)])
        texts = [(label, row[column]) for label, column in _TEXTS if row[column] is not None]
        _write_lines(console, [(f"  {label}", shown_text(text)) for label, text in texts])
        console.print()
    _write_lines(console, list(_closing(comparison)))
    stream.flush()


def _write_lines(console: Console, lines: Sequence[tuple[str, str]]) -> None:
    """Write texts beside their labels: no text of others begins a line, wherever it is folded."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for label, text in lines:
        # Text, not markup: a response may contain square brackets.
        grid.add_row(Text(label), Text(text))
    console.print(grid)


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
