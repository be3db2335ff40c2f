"""Counting wins and bounding the mean change."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqltune.evaluation.comparing import bound_mean, summarise_pairs
from sqltune.records import Phase


def test_wins_losses_and_ties_are_counted_prompt_by_prompt() -> None:
    comparison = summarise_pairs(
        Phase.BASE, [0.1, 0.5, 0.9, 0.3], [0.9, 0.5, 0.2, 0.4], error_count=3, seed=0
    )
    assert (comparison.wins, comparison.losses, comparison.ties) == (2, 1, 1)
    assert (comparison.prompts_compared, comparison.error_count) == (4, 3)
    assert comparison.mean_before == pytest.approx(0.45)
    assert comparison.mean_after == pytest.approx(0.5)
    assert comparison.mean_change == pytest.approx(0.05)


def test_rounding_is_a_tie() -> None:
    comparison = summarise_pairs(Phase.BASE, [0.1 + 0.2], [0.3], error_count=0, seed=0)
    assert comparison.ties == 1


def test_nothing_compared_has_no_means_and_no_interval() -> None:
    comparison = summarise_pairs(Phase.BEFORE, [], [], error_count=7, seed=0)
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
    comparison = summarise_pairs(Phase.BASE, before, after, error_count=0, seed=0)
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
