"""Counting wins and bounding the mean change."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqltune.evaluation.comparing import bound_mean, sign_flip_p_value, summarise_changes
from sqltune.evaluation.gate import reach_verdict
from sqltune.records import Phase
from sqltune.verdicts import CategoryChange, Comparison, GateRules, PromptChange


def summarise(
    before: Sequence[float],
    after: Sequence[float],
    rules: GateRules | None = None,
    *,
    phase: Phase = Phase.BASE,
    categories: Sequence[str | None] = (),
    errors: int = 0,
    seed: int = 0,
) -> Comparison:
    """Summarise scores; without categories, no prompt has one."""
    pairs = zip(before, after, categories or [None] * len(before), strict=True)
    changes = [PromptChange(f"k{n}", kind, old, new) for n, (old, new, kind) in enumerate(pairs)]
    return summarise_changes(
        changes, rules or GateRules(), compared_phase=phase, error_count=errors, seed=seed
    )


def test_wins_losses_and_ties_are_counted_prompt_by_prompt() -> None:
    comparison = summarise([0.1, 0.5, 0.9, 0.3], [0.9, 0.5, 0.2, 0.4], errors=3)
    assert (comparison.wins, comparison.losses, comparison.ties) == (2, 1, 1)
    assert (comparison.prompts_compared, comparison.error_count) == (4, 3)
    assert comparison.mean_before == pytest.approx(0.45)
    assert comparison.mean_after == pytest.approx(0.5)
    assert comparison.mean_change == pytest.approx(0.05)


def test_rounding_is_a_tie() -> None:
    comparison = summarise([0.1 + 0.2], [0.3])
    assert comparison.ties == 1


def test_nothing_compared_has_no_means_and_no_interval() -> None:
    comparison = summarise([], [], phase=Phase.BEFORE, errors=7)
    assert comparison.prompts_compared == 0
    assert comparison.mean_before is comparison.mean_after is comparison.mean_change is None
    assert comparison.interval_low is comparison.interval_high is None


def test_one_prompt_has_a_change_but_no_interval() -> None:
    assert bound_mean([0.4], seed=0) == (None, None)


def test_equal_changes_have_an_interval_of_no_width() -> None:
    assert bound_mean([0.25, 0.25, 0.25], seed=0) == (0.25, 0.25)


def test_equal_seeds_give_equal_intervals() -> None:
    changes = [0.1, -0.2, 0.5, 0.3, 0.0, 0.7]
    assert bound_mean(changes, seed=4) == bound_mean(changes, seed=4)


def test_the_interval_covers_the_true_change_about_as_often_as_it_says() -> None:
    source = random.Random(1)
    covered = 0
    for trial in range(100):
        changes = [source.gauss(0.1, 0.3) for _ in range(60)]
        low, high = bound_mean(changes, seed=trial)
        assert low is not None
        assert high is not None
        covered += low <= 0.1 <= high
    assert 88 <= covered <= 99


def test_pairing_finds_a_change_far_smaller_than_the_spread_of_the_scores() -> None:
    before = [i / 100 for i in range(100)]
    after = [score + 0.01 + (0.005 if i % 2 else -0.005) for i, score in enumerate(before)]
    comparison = summarise(before, after)
    assert comparison.interval_low is not None
    assert comparison.interval_low > 0


def test_a_hundred_thousand_prompts_are_bounded_with_fewer_draws() -> None:
    low, high = bound_mean([float(i % 2) for i in range(100_000)], seed=0)
    assert low == pytest.approx(0.5, abs=0.01)
    assert high == pytest.approx(0.5, abs=0.01)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=2, max_size=30))
def test_the_interval_lies_within_the_changes(changes: list[float]) -> None:
    low, high = bound_mean(changes, seed=0)
    assert low is not None
    assert high is not None
    assert min(changes) - 1e-9 <= low <= high <= max(changes) + 1e-9


def test_categories_and_lost_prompts_are_listed_worst_first() -> None:
    before, after = [1, 1, 1, 0, 0.5, 1, 1], [0, 0.5, 1, 1, 0.4, 1, 0.8]
    comparison = summarise(before, after, categories=["a", "a", "b", "b", "a", None, "b"])
    assert [(row.category, row.prompts) for row in comparison.categories] == [("a", 3), ("b", 3)]
    assert comparison.categories[0] == CategoryChange("a", 3, pytest.approx(-1.6 / 3))
    assert [each.prompt_key for each in comparison.worst] == ["k0", "k1", "k6"]


@pytest.mark.parametrize("count", [1, 2, 4, 5, 10])
def test_few_prompts_show_no_more_than_their_signs_can(count: int) -> None:
    assert sign_flip_p_value([1.0] * count, 0.0, 0) == pytest.approx(0.5**count)
    confident = GateRules(gate_confidence=0.95)
    verdict = reach_verdict(summarise([0] * count, [1] * count, confident), confident)
    assert verdict.is_accepted == (count >= 5)


@pytest.mark.parametrize("count", [3, 8, 30])
@pytest.mark.parametrize("low", [0.0, 0.6])
def test_without_a_true_change_the_gate_promotes_no_more_often_than_its_confidence_allows(
    count: int, low: float
) -> None:
    source = random.Random(count)
    confident, promoted, trials = GateRules(gate_confidence=0.95), 0, 120

    def score() -> float:
        return float(source.random() < 0.5) if low == 0 else source.uniform(low, 1)

    for trial in range(trials):
        before, after = ([score() for _ in range(count)] for _ in range(2))
        comparison = summarise(before, after, confident, seed=trial)
        promoted += reach_verdict(comparison, confident).is_accepted
    # At 5 % of 120 trials, 13 or more have a chance below 1 %.
    assert promoted <= 12


def test_a_true_change_is_found_where_prompts_are_enough() -> None:
    source = random.Random(3)
    confident = GateRules(gate_confidence=0.95, min_gain=0.1)
    before = [float(source.random() < 0.3) for _ in range(80)]
    after = [float(source.random() < 0.8) for _ in range(80)]
    assert reach_verdict(summarise(before, after, confident), confident).is_accepted
    too_much = GateRules(gate_confidence=0.95, min_gain=0.6)
    assert not reach_verdict(summarise(before, after, too_much), too_much).is_accepted
