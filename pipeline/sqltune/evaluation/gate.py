"""Decides whether a version may go live, states why in figures, and moves the alias `live`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqltune.database.connection import Session
from sqltune.database.tables import aliases, decisions
from sqltune.database.tables.decisions import GateDecision
from sqltune.records import AdapterVersion, Comparison, Phase, Run

#: How far below min_gain a mean change may be and still reach it: rounding.
ROUNDING = 1e-9
LIVE = "live"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a version may go live, and why."""

    is_accepted: bool
    reason: str  #: in plain words, with the figures
    comparison: Comparison  #: what it rests on
    min_gain: float | None  #: what was asked for

    @property
    def state(self) -> str:
        """The value of gate_decisions.decision and adapter_versions.state."""
        return "accepted" if self.is_accepted else "rejected"


def reach_verdict(comparison: Comparison, min_gain: float | None) -> Verdict:
    """Decide by the mean change of the primary score.

    Args:
        comparison: the answers after training against those before.
        min_gain: the mean change that is required; None: every version passes.
    """
    is_accepted, reason = _decide(comparison, min_gain)
    verb = "accepted" if is_accepted else "rejected"
    return Verdict(is_accepted, f"{verb}: {reason}; {_describe(comparison)}", comparison, min_gain)


def _decide(comparison: Comparison, min_gain: float | None) -> tuple[bool, str]:
    if min_gain is None:
        return True, "no min_gain is set, so every version passes"
    if comparison.mean_change is None:
        return False, f"the required gain ({min_gain:+g}) is not shown"
    if comparison.mean_change >= min_gain - ROUNDING:
        return True, f"the mean change reaches min_gain {min_gain:+g}"
    return False, f"the mean change is below min_gain {min_gain:+g}"


def record_verdict(
    session: Session, run: Run, version: AdapterVersion, verdict: Verdict, *, now: datetime
) -> str:
    """Store the verdict and point `live` to an accepted version; return the reason as stored.

    If `live` was moved since the run began, the version was compared with another one than that
    which is live now, so the alias is not moved: a verdict that is reached again does not undo a
    rollback.
    """
    name, number = version.adapter_name, version.version_number
    later = decisions.find_later_evaluation(session, name, number, run.run_id)
    live = aliases.fetch_alias(session, name, LIVE)
    is_unmoved = live in (number, run.before_version)
    may_move = verdict.is_accepted and not run.is_trial and later is None and is_unmoved
    reason = verdict.reason
    if later is not None:
        reason += f"; run {later} evaluated this version later, and its verdict counts"
    elif verdict.is_accepted and run.is_trial:
        reason += "; a trial goes live only through a row in alias_changes"
    elif verdict.is_accepted and not may_move:
        reason += "; live was moved after this run began and is left where it is"
    elif not verdict.is_accepted and live == number:
        reason += "; it is live and stays live until a row in alias_changes moves the alias"
    decision = GateDecision(run.run_id, name, number, verdict.state, reason, verdict.min_gain)
    decisions.replace_decision(session, decision, verdict.comparison, now=now)
    if later is None:
        decisions.settle_version(session, decision)
    if may_move:
        aliases.move_alias(session, name, LIVE, number, run_id=run.run_id, reason=reason, now=now)
    return reason


def _describe(comparison: Comparison) -> str:
    against = "the live version" if comparison.compared_phase == Phase.BEFORE else "the base model"
    left_out = f", {_prompts(comparison.error_count)} left out because of errors"
    if not comparison.error_count:
        left_out = ""
    if comparison.mean_change is None:
        return f"no prompt could be compared with {against}{left_out}"
    text = (
        f"mean score {comparison.mean_before:.3f} -> {comparison.mean_after:.3f} "
        f"({comparison.mean_change:+.3f}{_interval(comparison)}) against {against} "
        f"on {_prompts(comparison.prompts_compared)}: "
        f"{comparison.wins:,} better, {comparison.losses:,} worse, {comparison.ties:,} equal"
    )
    return text + left_out


def _interval(comparison: Comparison) -> str:
    if comparison.interval_low is None or comparison.interval_high is None:
        return ""
    return (
        f", {comparison.interval_level:.0%} interval "
        f"{comparison.interval_low:+.3f} to {comparison.interval_high:+.3f}"
    )


def _prompts(count: int) -> str:
    return "1 prompt" if count == 1 else f"{count:,} prompts"
