"""Decides whether a version may go live, says why in figures, and moves the alias `live`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqltune.database.connection import Session
from sqltune.database.tables import aliases, decisions
from sqltune.records import Comparison, Phase

#: What rounding may take from a gain that is just reached.
ROUNDING = 1e-9
LIVE = "live"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The gate's word on one version."""

    is_accepted: bool
    reason: str  #: in plain words, with the figures

    @property
    def decision(self) -> str:
        """The word that stands in gate_decisions.decision and adapter_versions.state."""
        return "accepted" if self.is_accepted else "rejected"


def decide(comparison: Comparison, min_gain: float | None) -> Verdict:
    """Decide by the mean change of the primary score.

    Args:
        min_gain: the mean change that is asked for; None: every version passes.
    """
    figures = _describe(comparison)
    if min_gain is None:
        return Verdict(True, f"accepted: no min_gain is set, so every version passes; {figures}")
    if comparison.mean_change is None:
        return Verdict(
            False, f"rejected: the gain asked for ({min_gain:+g}) is not shown; {figures}"
        )
    if comparison.mean_change >= min_gain - ROUNDING:
        return Verdict(True, f"accepted: the mean change reaches min_gain {min_gain:+g}; {figures}")
    return Verdict(False, f"rejected: the mean change is below min_gain {min_gain:+g}; {figures}")


def write_decision(
    session: Session,
    adapter_name: str,
    run_id: int,
    version_number: int,
    comparison: Comparison,
    decision: Verdict,
    *,
    min_gain: float | None,
    now: datetime,
) -> str:
    """Store the decision and point `live` to an accepted version; gives the reason as stored.

    Where `live` was moved since the run began, the version was compared with something else than
    what is live now, so the alias stays: a decision taken again does not undo a rollback.
    """
    reason = decision.reason
    later = decisions.find_later_evaluation(session, adapter_name, version_number, run_id)
    live = aliases.fetch_alias(session, adapter_name, LIVE)
    compared_with = decisions.fetch_before_version(session, run_id)
    is_trial = decisions.is_trial(session, run_id)
    may_move = (
        decision.is_accepted
        and not is_trial
        and later is None
        and live in (version_number, compared_with)
    )
    if later is not None:
        reason += f"; run {later} evaluated this version later, and its word stands"
    elif decision.is_accepted and is_trial:
        reason += "; a trial goes live by a row of alias_changes only"
    elif decision.is_accepted and not may_move:
        reason += "; live was moved since this run began and stays where it is"
    elif not decision.is_accepted and live == version_number:
        reason += "; it is live and stays so until an alias_changes row moves live"
    stored = decisions.GateDecision(
        run_id=run_id,
        adapter_name=adapter_name,
        version_number=version_number,
        decision=decision.decision,
        reason=reason,
        min_gain=min_gain,
        comparison=comparison,
    )
    decisions.replace_decision(session, stored, now=now, settles_version=later is None)
    if may_move:
        aliases.move_alias(
            session, adapter_name, LIVE, version_number, run_id=run_id, reason=reason, now=now
        )
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
