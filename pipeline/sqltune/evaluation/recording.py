"""Stores a verdict and the evaluation that it rests on, and moves the alias `live`."""

from __future__ import annotations

from datetime import datetime

from sqltune.database.connection import Session
from sqltune.database.tables import aliases, decisions, evaluations
from sqltune.database.tables.aliases import AliasMove
from sqltune.database.tables.decisions import GateDecision
from sqltune.database.tables.evaluations import Evaluation
from sqltune.evaluation.gate import Verdict
from sqltune.records import AdapterVersion, Phase, Run, RunKind
from sqltune.verdicts import Standing

LIVE = "live"


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
    elif verdict.is_accepted and run.is_trial and live != number:
        what = "a trial" if run.run_kind is RunKind.TRAIN else "it"
        reason += f"; {what} goes live only through a row in alias_changes"
    elif verdict.is_accepted and not may_move and not run.is_trial:
        reason += "; live was moved after this run began and is left where it is"
    elif not verdict.is_accepted and live == number:
        reason += "; it is live and stays live until a row in alias_changes moves the alias"
    min_gain, rule = verdict.rules.min_gain, verdict.rule
    decision = GateDecision(run.run_id, name, number, verdict.state, reason, min_gain, rule)
    decisions.replace_decision(session, decision, verdict.comparison, now=now)
    if later is None:
        decisions.settle_version(session, decision)
    if may_move:
        move = AliasMove(name, LIVE, number, run.run_id, reason, moved_by=None)
        aliases.move_alias(session, move, now=now)
    return reason


def record_evaluation(
    session: Session, run: Run, verdict: Verdict, reason: str, standing: Standing, *, now: datetime
) -> None:
    """Add the evaluation to the adapter's history, which keeps it whatever is decided later.

    Args:
        session: the transaction that stores the verdict.
        run: the run, with the version that it evaluated.
        verdict: what the gate decided.
        reason: why, as it was stored.
        standing: the figures of the version alone.
        now: UTC.
    """
    was_before_asked = verdict.comparison.compared_phase is Phase.BEFORE
    evaluation = Evaluation(
        adapter_name=run.adapter_name,
        run_id=run.run_id,
        version_number=run.version_number or 0,
        compared_version=run.before_version if was_before_asked else None,
        decision=verdict.state,
        reason=reason,
    )
    evaluations.insert_evaluation(session, evaluation, standing, now=now)
