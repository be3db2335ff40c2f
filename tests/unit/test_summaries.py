"""The summary of `sqltune compare`: counts, means, and why prompts are not compared."""

from __future__ import annotations

from typing import Any

from sqltune.cli.comparisons import describe_summary
from sqltune.operations.comparing import summarise


def row(outcome: str, before: float | None, after: float | None, reason: str | None) -> Any:
    change = None if before is None or after is None else after - before
    return {
        "outcome": outcome, "score_before": before, "score_after": after, "score_change": change,
        "not_compared_reason": reason,
    }  # fmt: skip


ROWS = [
    row("regressed", 1.0, 0.25, None),
    row("improved", 0.0, 1.0, None),
    row("unchanged", 0.5, 0.5, None),
    row("not_compared", None, 1.0, "answer_before_is_an_error"),
]


def test_means_are_over_the_compared_prompts_alone() -> None:
    summary = summarise(ROWS)
    assert (summary.prompts, summary.compared) == (4, 3)
    assert (summary.better, summary.worse, summary.equal) == (1, 1, 1)
    assert (summary.mean_before, summary.mean_after) == (0.5, 0.583333)
    assert describe_summary(summary) == (
        "3 of 4 prompts compared, 1 better, 1 worse, 1 equal; mean score 0.500 -> 0.583 (+0.083); "
        "not compared: 1 (answer before is an error)"
    )


def test_without_a_prompt_there_is_no_mean() -> None:
    assert describe_summary(summarise([])) == (
        "0 of 0 prompts compared, 0 better, 0 worse, 0 equal"
    )
