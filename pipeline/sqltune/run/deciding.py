"""Decides: the answers are scored and compared, the gate reaches its verdict, the run ends."""

from __future__ import annotations

from sqltune import wanted_keys
from sqltune.database.tables import run_prompts, runs, states
from sqltune.errors import LeaseLost
from sqltune.evaluation import (
    compare,
    measure,
    plan_scoring,
    reach_verdict,
    record_evaluation,
    record_verdict,
    rules_of,
    score_responses,
)
from sqltune.records import Run, RunState
from sqltune.run.learning import explain_little_learnt
from sqltune.run.next_step import NOTHING, next_step
from sqltune.run.work import Work, add_event, get_version
from sqltune.verdicts import Comparison

#: Characters of a prompt that are shown.
SHOWN_LENGTH = 70


def decide(work: Work, run: Run) -> None:
    """Record whether the version goes live, and end the run with it, in one transaction."""
    scope, adapter = work.scope, work.adapter
    version = get_version(work, run.version_number)
    score_responses(scope, plan_scoring(adapter), work.selection_reader)
    rules = rules_of(adapter)
    comparison = compare(scope.database, run.run_id, rules, seed=adapter.seed)
    verdict = reach_verdict(comparison, rules)
    asked_with = wanted_keys.decoding_key(work.decoding)
    standing = measure(scope.database, run.run_id, decoding_key=asked_with, seed=adapter.seed)
    state = RunState.SUCCEEDED if verdict.is_accepted else RunState.REJECTED
    step = NOTHING if run.is_trial else next_step(state, run.run_kind)
    end = runs.RunEnd(state, next_step=step)
    unlearnt = explain_little_learnt(work, run, version)
    now = scope.now()
    with scope.transaction() as session:
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


def _say_worst(work: Work, run: Run, comparison: Comparison) -> None:
    """Name the prompts that lost most."""
    for each in comparison.worst:
        with work.scope.read() as session:
            text = run_prompts.get_prompt_text(session, run.run_id, each.prompt_key)
        shown = " ".join(text.split())
        shown = shown if len(shown) <= SHOWN_LENGTH else f"{shown[:SHOWN_LENGTH]}..."
        work.say(f"worse: {each.before:.3f} -> {each.after:.3f} {shown}")
