"""Decides whether a version may go live, and states why in figures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

from sqltune.records import Adapter, Phase
from sqltune.verdicts import Comparison, GateRules

#: The rules that say that answers are worse; the others say that too little is known.
FALLS = frozenset({"min_gain", "max_regressed_share", "gate_by_category"})
#: How far below min_gain a mean change may be and still reach it: rounding.
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a version may go live, and why."""

    is_accepted: bool
    rule: str  #: the column of adapters that decided
    reason: str  #: in plain words, with the figures
    comparison: Comparison  #: what it rests on
    rules: GateRules  #: what was asked for

    @property
    def is_fall(self) -> bool:
        """Whether the answers are worse, rather than too few or errors."""
        return not self.is_accepted and self.rule in FALLS

    @property
    def state(self) -> str:
        """The value of gate_decisions.decision and adapter_versions.state."""
        return "accepted" if self.is_accepted else "rejected"


def rules_of(adapter: Adapter) -> GateRules:
    """Return what an adapter's row asks of a version."""
    return GateRules(**{each.name: getattr(adapter, each.name) for each in fields(GateRules)})


def reach_verdict(comparison: Comparison, rules: GateRules) -> Verdict:
    """Decide whether a version may go live: the first rule that it breaks rejects it.

    Args:
        comparison: the answers after training against those before.
        rules: what the adapter's row asks for.
    """
    broken = next((each for each in _broken(comparison, rules) if each), None)
    rule, words = broken or _passed(comparison, rules)
    verb = "rejected" if broken else "accepted"
    reason = f"{verb}: {words}; {_describe(comparison)}"
    return Verdict(broken is None, rule, reason, comparison, rules)


def review_live(comparison: Comparison, rules: GateRules, earlier: int | None) -> Verdict:
    """Decide whether what is live is still no worse than the version before it.

    It need not gain again what made it live: by the gate's rules, its mean must not have fallen.

    Args:
        comparison: its answers now against those of the version before it, or of the base model.
        rules: what the adapter's row asks for.
        earlier: the version before it; None: there is none.
    """
    broken = next((each for each in _fallen_rules(comparison, rules) if each), None)
    rule, words = broken or _stands(comparison, rules)
    against = None if earlier is None else f"version {earlier} (live before it)"
    verb = "rejected" if broken else "accepted"
    reason = f"{verb}: {words}; {_describe(comparison, against)}"
    return Verdict(broken is None, rule, reason, comparison, rules)


def _fallen_rules(comparison: Comparison, rules: GateRules) -> Iterator[tuple[str, str] | None]:
    yield _without_prompts(comparison, rules)
    yield _too_many_errors(comparison, rules)
    yield _too_few_prompts(comparison, rules)
    yield _mean_fell(comparison, rules)
    yield _too_many_regressed(comparison, rules)
    yield _category_fell(comparison, rules)


def _mean_fell(comparison: Comparison, rules: GateRules) -> tuple[str, str] | None:
    """Find a mean that is now lower; with gate_confidence, so low that chance cannot make it."""
    if rules.min_gain is None or comparison.mean_change is None:
        return None
    least = min(0.0, rules.min_gain) - ROUNDING
    high = comparison.interval_high
    is_shown = rules.gate_confidence is None or (high is not None and high < least)
    if comparison.mean_change >= least or not is_shown:
        return None
    allowed = f" by more than min_gain {rules.min_gain:+g} allows" if rules.min_gain < 0 else ""
    return "min_gain", f"what is live is now worse{allowed}"


def _stands(comparison: Comparison, rules: GateRules) -> tuple[str, str]:
    if not comparison.scored:
        return _passed(comparison, rules)
    if rules.min_gain is None:
        return "min_gain", "min_gain is NULL, so any mean passes"
    if (comparison.mean_change or 0.0) < min(0.0, rules.min_gain) - ROUNDING:
        level = f"{rules.gate_confidence:.4g}"
        return "gate_confidence", f"a fall is not shown with confidence {level}"
    return "min_gain", "what is live is no worse"


def _broken(comparison: Comparison, rules: GateRules) -> Iterator[tuple[str, str] | None]:
    """Yield for each rule its column and how it is broken, or None."""
    yield _without_prompts(comparison, rules)
    yield _too_many_errors(comparison, rules)
    yield _too_few_prompts(comparison, rules)
    yield _too_small_gain(comparison, rules)
    yield _not_shown(comparison, rules)
    yield _too_many_regressed(comparison, rules)
    yield _category_fell(comparison, rules)


def _passed(comparison: Comparison, rules: GateRules) -> tuple[str, str]:
    if not comparison.scored:
        return "gate_without_prompts", (
            "NOTHING WAS COMPARED, because no evaluation prompt can be scored: give eval_prompts "
            "an expected text, or set gate_without_prompts = 'refuse'"
        )
    if rules.min_gain is None:
        return "min_gain", "min_gain is NULL, so any change passes"
    if rules.gate_confidence is not None:
        level = f"{rules.gate_confidence:.4g}"
        return "gate_confidence", f"min_gain {rules.min_gain:+g} is shown with confidence {level}"
    return "min_gain", f"the mean change reaches min_gain {rules.min_gain:+g}"


def _without_prompts(comparison: Comparison, rules: GateRules) -> tuple[str, str] | None:
    if comparison.scored or rules.gate_without_prompts != "refuse":
        return None
    return "gate_without_prompts", (
        "no evaluation prompt can be scored, and gate_without_prompts is 'refuse'"
    )


def _too_many_errors(comparison: Comparison, rules: GateRules) -> tuple[str, str] | None:
    share = comparison.error_count / max(1, comparison.scored)
    if share <= rules.max_error_share + ROUNDING:
        return None
    return "max_error_share", (
        f"{share:.0%} of the scored prompts are errors, more than max_error_share "
        f"{rules.max_error_share:g}"
    )


def _too_few_prompts(comparison: Comparison, rules: GateRules) -> tuple[str, str] | None:
    if not comparison.scored or comparison.prompts_compared >= rules.min_prompts:
        return None
    return "min_prompts", (
        f"{_prompts(comparison.prompts_compared)} could be compared, fewer than min_prompts "
        f"{rules.min_prompts}"
    )


def _too_small_gain(comparison: Comparison, rules: GateRules) -> tuple[str, str] | None:
    if rules.min_gain is None or comparison.mean_change is None:
        return None
    if comparison.mean_change >= rules.min_gain - ROUNDING:
        return None
    return "min_gain", f"the mean change is below min_gain {rules.min_gain:+g}"


def _not_shown(comparison: Comparison, rules: GateRules) -> tuple[str, str] | None:
    """Refuse what chance may have made: by the interval, and by signs where prompts are few."""
    confidence, p_value = rules.gate_confidence, comparison.p_value
    if confidence is None or rules.min_gain is None or p_value is None:
        return None
    low = comparison.interval_low
    is_above = low is not None and low >= rules.min_gain - ROUNDING
    if is_above and p_value <= 1 - confidence + ROUNDING:
        return None
    return "gate_confidence", (
        f"a change of more than min_gain {rules.min_gain:+g} is not shown with gate_confidence "
        f"{confidence:g} (p {p_value:.2g})"
    )


def _too_many_regressed(comparison: Comparison, rules: GateRules) -> tuple[str, str] | None:
    share = comparison.losses / max(1, comparison.prompts_compared)
    if rules.max_regressed_share is None or share <= rules.max_regressed_share + ROUNDING:
        return None
    return "max_regressed_share", (
        f"{share:.0%} of the prompts are answered worse, more than max_regressed_share "
        f"{rules.max_regressed_share:g}"
    )


def _category_fell(comparison: Comparison, rules: GateRules) -> tuple[str, str] | None:
    allowed = rules.gate_by_category
    if allowed is None:
        return None
    fallen = [each for each in comparison.categories if each.mean_change < -allowed - ROUNDING]
    if not fallen:
        return None
    names = ", ".join(f"{each.category} {each.mean_change:+.3f}" for each in fallen)
    return "gate_by_category", f"a category may fall by at most {allowed:g}: {names}"


def _describe(comparison: Comparison, before: str | None = None) -> str:
    """Return the figures; `before` names the version before, None: the live version."""
    is_before = comparison.compared_phase == Phase.BEFORE
    against = before or "the live version" if is_before else "the base model"
    if comparison.mean_change is None:
        return f"no prompt could be compared with {against}{_left_out(comparison)}"
    text = (
        f"mean score {comparison.mean_before:.3f} -> {comparison.mean_after:.3f} "
        f"({comparison.mean_change:+.3f}{_interval(comparison)}) against {against} "
        f"on {_prompts(comparison.prompts_compared)}: "
        f"{comparison.wins:,} better, {comparison.losses:,} worse, {comparison.ties:,} equal"
    )
    return text + _fallen(comparison) + _left_out(comparison)


def _fallen(comparison: Comparison) -> str:
    fallen = [each for each in comparison.categories if each.mean_change < -ROUNDING]
    names = ", ".join(f"{each.category} {each.mean_change:+.3f}" for each in fallen[:3])
    return f"; fell by category: {names}" if names else ""


def _left_out(comparison: Comparison) -> str:
    errors, leaked = comparison.error_count, comparison.leaked_count
    text = f", {_prompts(errors)} left out because of errors" if errors else ""
    if repeated := comparison.repeated_count:
        they = "it repeats" if repeated == 1 else "they repeat"
        text += f", {_prompts(repeated)} left out because {they} another"
    if comparison.are_all_leaked:
        return f"{text}; all are trained on, so this says nothing about other questions"
    if leaked:
        they_are = "it is" if leaked == 1 else "they are"
        text += f", {_prompts(leaked)} left out because {they_are} trained on"
    return text


def _interval(comparison: Comparison) -> str:
    if comparison.interval_low is None or comparison.interval_high is None:
        return ""
    return (
        f", {comparison.interval_level:.0%} interval "
        f"{comparison.interval_low:+.3f} to {comparison.interval_high:+.3f}"
    )


def _prompts(count: int) -> str:
    return "1 prompt" if count == 1 else f"{count:,} prompts"
