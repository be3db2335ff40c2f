"""Decides: the answers are scored and compared, the gate reaches its verdict, the run ends."""

from __future__ import annotations

from sqltune import wanted_keys
from sqltune.database.tables import run_prompts, runs, states
from sqltune.errors import LeaseLost
from sqltune.evaluation import (
    Verdict,
    compare,
    measure,
    plan_scoring,
    reach_verdict,
    record_evaluation,
    record_review,
    record_verdict,
    review_live,
    rules_of,
    score_responses,
)
from sqltune.records import Run, RunKind, RunState
from sqltune.run.learning import explain_little_learnt
from sqltune.run.next_step import NOTHING, next_step
from sqltune.run.work import Work, add_event, get_version
from sqltune.verdicts import Comparison

#: Characters of a prompt that are shown.
SHOWN_LENGTH = 70


def decide(work: Work, run: Run) -> None:
    """Record the verdict on the version, and end the run with it, in one transaction."""
    scope, adapter = work.scope, work.adapter
    version = get_version(work, run.version_number)
    score_responses(scope, plan_scoring(adapter), work.selection_reader)
    verdict = _reach(work, run)
    asked_with = wanted_keys.decoding_key(work.decoding)
    standing = measure(scope.database, run.run_id, decoding_key=asked_with, seed=adapter.seed)
    state = RunState.SUCCEEDED if verdict.is_accepted else RunState.REJECTED
    step = NOTHING if run.is_trial else next_step(state, run.run_kind)
    end = runs.RunEnd(state, next_step=step)
    unlearnt = explain_little_learnt(work, run, version)
    now = scope.now()
    with scope.transaction() as session:
        if run.run_kind is RunKind.REEVALUATE:
            rolls_back = adapter.on_fall == "roll_back"
            reason = record_review(session, run, verdict, rolls_back=rolls_back, now=now)
        else:
            reason = record_verdict(session, run, version, verdict, now=now)
        record_evaluation(session, run, verdict, reason, standing, now=now)
        if unlearnt is not None:
            add_event(work, session, "little_learnt", unlearnt)
        add_event(work, session, state.value, reason)
        if not runs.end_run(session, run, end, now=now):
            raise LeaseLost(f"run {run.run_id} is no longer {run.state.value}")
        states.clear_current_run(session, run.adapter_name, None)
    work.say(reason)
    _say_worst(work, run, verdict.comparison)
    if unlearnt is not None:
        work.say(unlearnt)


def _reach(work: Work, run: Run) -> Verdict:
    """Reach the verdict on a version that may go live, or on the one that is live."""
    rules = rules_of(work.adapter)
    comparison = compare(work.scope.database, run.run_id, rules, seed=work.adapter.seed)
    if run.run_kind is RunKind.REEVALUATE:
        return review_live(comparison, rules, run.before_version)
    return reach_verdict(comparison, rules)


def _say_worst(work: Work, run: Run, comparison: Comparison) -> None:
    """Name the prompts that lost most."""
    for each in comparison.worst:
        with work.scope.read() as session:
            text = run_prompts.get_prompt_text(session, run.run_id, each.prompt_key)
        shown = " ".join(text.split())
        shown = shown if len(shown) <= SHOWN_LENGTH else f"{shown[:SHOWN_LENGTH]}..."
        work.say(f"worse: {each.before:.3f} -> {each.after:.3f} {shown}")
