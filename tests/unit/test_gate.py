"""The gate's verdict, with its reason in figures."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sqltune.evaluation.gate import reach_verdict
from sqltune.records import Comparison, Phase

GAINED = Comparison(
    compared_phase=Phase.BEFORE,
    prompts_compared=1200,
    error_count=0,
    wins=900,
    losses=100,
    ties=200,
    mean_before=0.2,
    mean_after=0.3,
    mean_change=0.3 - 0.2,
    interval_low=0.06,
    interval_high=0.14,
    interval_level=0.95,
)
NOTHING = replace(
    GAINED,
    prompts_compared=0,
    error_count=12,
    wins=0,
    losses=0,
    ties=0,
    mean_before=None,
    mean_after=None,
    mean_change=None,
    interval_low=None,
    interval_high=None,
)


def test_without_min_gain_every_version_passes_even_a_worse_one() -> None:
    assert reach_verdict(replace(GAINED, mean_change=-0.5), None).is_accepted
    assert reach_verdict(NOTHING, None).is_accepted


def test_a_gain_that_is_just_reached_passes_in_spite_of_rounding() -> None:
    assert GAINED.mean_change is not None
    assert GAINED.mean_change < 0.1
    assert reach_verdict(GAINED, 0.1).is_accepted


def test_a_smaller_gain_is_rejected() -> None:
    verdict = reach_verdict(GAINED, 0.11)
    assert verdict.state == "rejected"
    assert "below min_gain +0.11" in verdict.reason


def test_a_negative_min_gain_allows_that_much_loss() -> None:
    assert reach_verdict(replace(GAINED, mean_change=-0.01), -0.02).is_accepted
    assert not reach_verdict(replace(GAINED, mean_change=-0.03), -0.02).is_accepted


def test_a_gain_that_nothing_shows_is_rejected() -> None:
    verdict = reach_verdict(NOTHING, 0.0)
    assert not verdict.is_accepted
    assert verdict.reason == (
        "rejected: the required gain (+0) is not shown; no prompt could be compared with the live "
        "version, 12 prompts left out because of errors"
    )


def test_the_reason_has_every_figure() -> None:
    assert reach_verdict(replace(GAINED, error_count=1), 0.05).reason == (
        "accepted: the mean change reaches min_gain +0.05; mean score 0.200 -> 0.300 (+0.100, 95% "
        "interval +0.060 to +0.140) against the live version on 1,200 prompts: 900 better, 100 "
        "worse, 200 equal, 1 prompt left out because of errors"
    )


def test_the_reason_names_the_base_model_where_nothing_was_live() -> None:
    reason = reach_verdict(replace(GAINED, compared_phase=Phase.BASE), None).reason
    assert "against the base model" in reason


@pytest.mark.parametrize("count", [1, 2])
def test_one_prompt_is_one_prompt(count: int) -> None:
    comparison = replace(
        GAINED, prompts_compared=count, interval_low=None, interval_high=None, ties=0
    )
    reason = reach_verdict(comparison, None).reason
    assert f"on {count} prompt{'s' if count > 1 else ''}:" in reason
    assert "interval" not in reason
