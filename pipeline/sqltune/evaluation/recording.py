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
    rollback. Nor does an evaluation without a training: what a person made live, or `on_fall`,
    gives way only to a version that is trained later.
    """
    name, number = version.adapter_name, version.version_number
    later = decisions.find_later_evaluation(session, name, number, run.run_id)
    live = aliases.fetch_alias(session, name, LIVE)
    is_unmoved = live in (number, run.before_version)
    is_evaluation = run.run_kind is RunKind.EVALUATE
    holder = _find_holder(session, run, number) if is_evaluation else None
    may_move = verdict.is_accepted and not run.is_trial and later is None and is_unmoved
    may_move = may_move and holder is None
    reason = verdict.reason
    if later is not None:
        reason += f"; run {later} evaluated this version later, and its verdict counts"
    elif verdict.is_accepted and run.is_trial and live != number:
        what = "a trial" if run.run_kind is RunKind.TRAIN else "it"
        reason += f"; {what} goes live only through a row in alias_changes"
    elif verdict.is_accepted and holder is not None and not run.is_trial:
        reason += f"; {holder} made version {live} live, which only a newly trained one replaces"
    elif verdict.is_accepted and not may_move and not run.is_trial:
        reason += "; live was moved after this run began and is left where it is"
    elif not verdict.is_accepted and live == number:
        reason += "; it is live and stays live until a row in alias_changes moves the alias"
    _store(session, run, number, verdict, reason, settles=later is None, now=now)
    if may_move:
        move = AliasMove(name, LIVE, number, run.run_id, reason, moved_by=None)
        aliases.move_alias(session, move, now=now)
    return reason


def _find_holder(session: Session, run: Run, number: int) -> str | None:
    """Return who but the gate made another version live than this; None: the gate did, or none."""
    move = aliases.get_last_move(session, run.adapter_name, LIVE)
    return None if move is None or move.new_version == number else move.moved_by


def record_review(
    session: Session, run: Run, verdict: Verdict, *, rolls_back: bool, now: datetime
) -> str:
    """Store the verdict on what is live, and take it back if it fell; return the reason as stored.

    Args:
        session: the fenced transaction.
        run: the run, with the live version and the one before it.
        verdict: what `review_live` decided.
        rolls_back: whether a fall moves `live` to the version before; otherwise it is reported.
        now: UTC.
    """
    name, number = run.adapter_name, run.version_number or 0
    later = decisions.find_later_evaluation(session, name, number, run.run_id)
    obstacle = _find_obstacle(session, run, verdict) if rolls_back else "on_fall is 'report'"
    if later is not None:
        obstacle = f"run {later} evaluated it later, and its verdict counts"
    moves = verdict.is_fall and obstacle is None
    reason = verdict.reason
    if moves:
        reason += f"; live returns to version {run.before_version} (on_fall)"
    elif not verdict.is_accepted:
        reason += f"; it stays live: {obstacle or 'too little is known for a move'}"
    _store(session, run, number, verdict, reason, settles=later is None, now=now)
    if moves:
        to = run.before_version or 0
        move = AliasMove(name, LIVE, to, run.run_id, reason, moved_by=aliases.ON_FALL)
        aliases.move_alias(session, move, now=now)
    return reason


def _store(
    session: Session,
    run: Run,
    number: int,
    verdict: Verdict,
    reason: str,
    *,
    settles: bool,
    now: datetime,
) -> None:
    """Store a verdict; it settles the version's state unless a later run evaluated it."""
    decision = GateDecision(
        run.run_id,
        run.adapter_name,
        number,
        verdict.state,
        reason,
        verdict.rules.min_gain,
        verdict.rule,
    )
    decisions.replace_decision(session, decision, verdict.comparison, now=now)
    if settles:
        decisions.settle_version(session, decision)


def _find_obstacle(session: Session, run: Run, verdict: Verdict) -> str | None:
    """Return why `live` cannot return to the version before; None: it can.

    Only a move of the gate is undone. Without this rule, a rollback by a person would be undone,
    and two versions that fall in turn would take each other's place for ever.
    """
    move = aliases.get_last_move(session, run.adapter_name, LIVE)
    if run.before_version is None:
        return "no version was live before it"
    if verdict.comparison.compared_phase is not Phase.BEFORE:
        return f"version {run.before_version} cannot be asked"
    found = None if move is None else (move.old_version, move.new_version)
    if move is None or found != (run.before_version, run.version_number):
        return "live was moved after this run began"
    return None if move.moved_by is None else f"{move.moved_by} made it live, not the gate"


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
