"""How a version stands alone: its means, and the keys by which evaluations are compared."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sqltune.database.tables.scores import EvaluatedPrompt
from sqltune.evaluation.measuring import summarise_scores
from sqltune.verdicts import Standing

PROMPTS = [
    EvaluatedPrompt("a", "hash a", "exact", False, 1.0),
    EvaluatedPrompt("b", "hash b", "exact", False, 0.5),
    EvaluatedPrompt("c", "hash c", "exact", False, None),
    EvaluatedPrompt("d", "hash d", "exact", True, 1.0),
]


def stand(prompts: list[EvaluatedPrompt], decoding_key: str = "greedy") -> Standing:
    return summarise_scores(prompts, decoding_key, 0)


def test_errors_are_in_no_mean_and_leaked_prompts_in_that_of_all_alone() -> None:
    standing = stand(PROMPTS)
    counts = (standing.prompt_count, standing.clean_count, standing.leaked_count)
    assert (counts, standing.error_count) == ((4, 3, 1), 1)
    assert standing.clean_score == 0.75
    assert standing.mean_score == pytest.approx(2.5 / 3)
    assert standing.interval_low is not None
    assert standing.interval_low <= 0.75 <= (standing.interval_high or 0)


def test_without_a_prompt_there_is_no_mean() -> None:
    standing = stand([])
    assert (standing.prompt_count, standing.mean_score, standing.clean_score) == (0, None, None)


def test_the_order_and_the_keys_of_the_rows_do_not_count() -> None:
    renamed = [replace(prompt, prompt_key=f"new {prompt.prompt_key}") for prompt in PROMPTS]
    assert stand(renamed[::-1]).comparison_key == stand(PROMPTS).comparison_key


def test_other_scores_leave_evaluations_comparable() -> None:
    better = [replace(prompt, score=1.0) for prompt in PROMPTS]
    assert stand(better).comparison_key == stand(PROMPTS).comparison_key


@pytest.mark.parametrize(
    ("prompts", "changes_set"),
    [
        (PROMPTS[1:], True),
        ([*PROMPTS, PROMPTS[0]], True),
        ([replace(PROMPTS[0], content_hash="other text"), *PROMPTS[1:]], True),
        ([replace(PROMPTS[0], scorer="contains"), *PROMPTS[1:]], True),
        ([replace(PROMPTS[0], is_leaked=True), *PROMPTS[1:]], False),
    ],
)
def test_other_prompts_scorers_or_leaks_are_not_compared(
    prompts: list[EvaluatedPrompt], changes_set: bool
) -> None:
    before, after = stand(PROMPTS), stand(prompts)
    assert before.comparison_key != after.comparison_key
    assert (before.prompt_set_key != after.prompt_set_key) is changes_set


def test_other_decoding_settings_are_not_compared() -> None:
    before, after = stand(PROMPTS), stand(PROMPTS, "sampled")
    assert before.comparison_key != after.comparison_key
    assert before.prompt_set_key == after.prompt_set_key
