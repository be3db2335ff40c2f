"""The gate's verdict, with its reason in figures."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sqltune.evaluation.gate import reach_verdict, review_live
from sqltune.records import Phase
from sqltune.verdicts import CategoryChange, Comparison, GateRules

ANY_CHANGE = GateRules(min_gain=None)

GAINED = Comparison(
    compared_phase=Phase.BEFORE,
    prompts_compared=1200,
    error_count=0,
    leaked_count=0,
    are_all_leaked=False,
    wins=900,
    losses=100,
    ties=200,
    mean_before=0.2,
    mean_after=0.3,
    mean_change=0.3 - 0.2,
    interval_low=0.06,
    interval_high=0.14,
    interval_level=0.95,
    p_value=0.0001,
)
NOTHING = replace(
    GAINED,
    prompts_compared=0,
    error_count=0,
    wins=0,
    losses=0,
    ties=0,
    mean_before=None,
    mean_after=None,
    mean_change=None,
    interval_low=None,
    interval_high=None,
    p_value=None,
)


def gaining(min_gain: float) -> GateRules:
    return GateRules(min_gain=min_gain)


def test_by_default_a_version_that_is_worse_does_not_go_live() -> None:
    assert reach_verdict(GAINED, GateRules()).is_accepted
    assert reach_verdict(replace(GAINED, mean_change=0.0), GateRules()).is_accepted
    assert not reach_verdict(replace(GAINED, mean_change=-0.001), GateRules()).is_accepted


def test_where_min_gain_is_null_any_change_passes() -> None:
    assert reach_verdict(replace(GAINED, mean_change=-0.5), ANY_CHANGE).is_accepted


def test_a_gain_that_is_just_reached_passes_in_spite_of_rounding() -> None:
    assert GAINED.mean_change is not None
    assert GAINED.mean_change < 0.1
    assert reach_verdict(GAINED, gaining(0.1)).is_accepted


def test_a_smaller_gain_is_rejected() -> None:
    verdict = reach_verdict(GAINED, gaining(0.11))
    assert (verdict.state, verdict.rule) == ("rejected", "min_gain")
    assert "below min_gain +0.11" in verdict.reason


def test_a_negative_min_gain_allows_that_much_loss() -> None:
    assert reach_verdict(replace(GAINED, mean_change=-0.01), gaining(-0.02)).is_accepted
    assert not reach_verdict(replace(GAINED, mean_change=-0.03), gaining(-0.02)).is_accepted


def test_where_no_prompt_is_scored_the_row_decides_and_the_reason_says_it_loudly() -> None:
    verdict = reach_verdict(NOTHING, GateRules())
    assert (verdict.is_accepted, verdict.rule) == (True, "gate_without_prompts")
    assert verdict.reason.startswith("accepted: NOTHING WAS COMPARED")
    refused = reach_verdict(NOTHING, GateRules(gate_without_prompts="refuse"))
    assert refused.reason == (
        "rejected: no evaluation prompt can be scored, and gate_without_prompts is 'refuse'; no "
        "prompt could be compared with the live version"
    )


@pytest.mark.parametrize("rules", [GateRules(), ANY_CHANGE])
@pytest.mark.parametrize("errors", [12, 1100])
def test_nothing_passes_on_errors(rules: GateRules, errors: int) -> None:
    nothing = replace(NOTHING, error_count=errors)
    assert reach_verdict(nothing, rules).rule == "max_error_share"
    verdict = reach_verdict(replace(GAINED, error_count=1200), rules)
    assert (verdict.is_accepted, verdict.rule) == (False, "max_error_share")
    assert "50% of the scored prompts are errors, more than max_error_share 0.1" in verdict.reason
    assert reach_verdict(replace(GAINED, error_count=100), rules).is_accepted


def test_even_where_errors_are_allowed_something_must_be_compared() -> None:
    rules = GateRules(max_error_share=1.0)
    assert reach_verdict(replace(NOTHING, error_count=3), rules).rule == "min_prompts"
    verdict = reach_verdict(replace(GAINED, prompts_compared=9), GateRules(min_prompts=10))
    assert "9 prompts could be compared, fewer than min_prompts 10" in verdict.reason


def test_too_many_prompts_answered_worse_reject_a_better_mean() -> None:
    verdict = reach_verdict(GAINED, GateRules(max_regressed_share=0.05))
    assert (verdict.is_accepted, verdict.rule) == (False, "max_regressed_share")
    assert "8% of the prompts are answered worse" in verdict.reason
    assert reach_verdict(GAINED, GateRules(max_regressed_share=0.1)).is_accepted


def test_a_category_that_falls_too_far_rejects_a_better_mean_and_is_named() -> None:
    fallen = (CategoryChange("billing", 40, -0.2), CategoryChange("setup", 40, 0.5))
    comparison = replace(GAINED, categories=fallen)
    verdict = reach_verdict(comparison, GateRules(gate_by_category=0.1))
    assert (verdict.is_accepted, verdict.rule) == (False, "gate_by_category")
    assert "a category may fall by at most 0.1: billing -0.200;" in verdict.reason
    allowed = reach_verdict(comparison, GateRules(gate_by_category=0.2))
    assert allowed.is_accepted
    assert "; fell by category: billing -0.200" in allowed.reason


@pytest.mark.parametrize(("low", "p_value"), [(-0.01, 0.01), (0.06, 0.25), (None, 0.5)])
def test_with_a_confidence_a_change_that_chance_may_have_made_is_rejected(
    low: float | None, p_value: float
) -> None:
    rules = GateRules(gate_confidence=0.95)
    assert reach_verdict(GAINED, rules).rule == "gate_confidence"
    assert reach_verdict(GAINED, rules).is_accepted
    verdict = reach_verdict(replace(GAINED, interval_low=low, p_value=p_value), rules)
    assert (verdict.is_accepted, verdict.rule) == (False, "gate_confidence")
    assert f"is not shown with gate_confidence 0.95 (p {p_value:.2g})" in verdict.reason


def test_prompts_that_repeat_another_are_said_to_be_left_out() -> None:
    reason = reach_verdict(replace(GAINED, repeated_count=5), GateRules()).reason
    assert ", 5 prompts left out because they repeat another" in reason
    reason = reach_verdict(replace(GAINED, repeated_count=1), GateRules()).reason
    assert ", 1 prompt left out because it repeats another" in reason


def test_prompts_that_are_trained_on_are_said_to_be_left_out_or_to_prove_nothing() -> None:
    reason = reach_verdict(replace(GAINED, leaked_count=55), GateRules()).reason
    assert reason.endswith(", 55 prompts left out because they are trained on")
    reason = reach_verdict(replace(GAINED, leaked_count=1), GateRules()).reason
    assert reason.endswith(", 1 prompt left out because it is trained on")
    alone = replace(GAINED, leaked_count=1200, are_all_leaked=True)
    reason = reach_verdict(alone, GateRules()).reason
    assert reason.endswith("; all are trained on, so this says nothing about other questions")


def test_the_reason_has_every_figure() -> None:
    assert reach_verdict(replace(GAINED, error_count=1), gaining(0.05)).reason == (
        "accepted: the mean change reaches min_gain +0.05; mean score 0.200 -> 0.300 (+0.100, 95% "
        "interval +0.060 to +0.140) against the live version on 1,200 prompts: 900 better, 100 "
        "worse, 200 equal, 1 prompt left out because of errors"
    )


def test_the_reason_names_the_base_model_where_nothing_was_live() -> None:
    reason = reach_verdict(replace(GAINED, compared_phase=Phase.BASE), ANY_CHANGE).reason
    assert "against the base model" in reason


@pytest.mark.parametrize("count", [1, 2])
def test_one_prompt_is_one_prompt(count: int) -> None:
    comparison = replace(
        GAINED, prompts_compared=count, interval_low=None, interval_high=None, ties=0
    )
    reason = reach_verdict(comparison, ANY_CHANGE).reason
    assert f"on {count} prompt{'s' if count > 1 else ''}:" in reason
    assert "interval" not in reason


LOST = replace(GAINED, mean_change=-0.1, interval_low=-0.14, interval_high=-0.06)
UNSURE = replace(LOST, interval_high=0.02)


@pytest.mark.parametrize(
    ("comparison", "rules", "rule", "is_fall"),
    [
        (GAINED, GateRules(), "min_gain", False),
        (replace(GAINED, mean_change=0.0), gaining(0.2), "min_gain", False),
        (LOST, GateRules(), "min_gain", True),
        (LOST, gaining(-0.1), "min_gain", False),
        (LOST, gaining(-0.05), "min_gain", True),
        (LOST, ANY_CHANGE, "min_gain", False),
        (LOST, GateRules(gate_confidence=0.95), "min_gain", True),
        (UNSURE, GateRules(), "min_gain", True),
        (UNSURE, GateRules(gate_confidence=0.95), "gate_confidence", False),
        (GAINED, GateRules(max_regressed_share=0.05), "max_regressed_share", True),
        (
            replace(GAINED, categories=(CategoryChange("hours", 3, -0.5),)),
            GateRules(gate_by_category=0.2),
            "gate_by_category",
            True,
        ),
    ],
)
def test_what_is_live_has_fallen_where_the_gate_calls_it_worse(
    comparison: Comparison, rules: GateRules, rule: str, is_fall: bool
) -> None:
    verdict = review_live(comparison, rules, 1)
    assert (verdict.rule, verdict.is_fall, verdict.is_accepted) == (rule, is_fall, not is_fall)
    assert "against version 1 (live before it)" in verdict.reason


@pytest.mark.parametrize(
    ("comparison", "rules", "rule"),
    [
        (replace(LOST, error_count=1000), GateRules(), "max_error_share"),
        (LOST, GateRules(min_prompts=2000), "min_prompts"),
        (NOTHING, GateRules(gate_without_prompts="refuse"), "gate_without_prompts"),
    ],
)
def test_errors_and_too_few_prompts_are_reported_and_are_no_fall(
    comparison: Comparison, rules: GateRules, rule: str
) -> None:
    verdict = review_live(comparison, rules, 1)
    assert (verdict.rule, verdict.is_accepted, verdict.is_fall) == (rule, False, False)
