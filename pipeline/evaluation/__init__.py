"""Evaluation: ask the prompts, score the answers, compare before with after, decide what goes live.

Stands between the runner and database/backends; each step stores what it found and can be called
again after a crash.
"""

from __future__ import annotations

from pipeline.evaluation.answer_store import PhaseResult
from pipeline.evaluation.answering import answer_phase, forget_errors
from pipeline.evaluation.comparing import compare
from pipeline.evaluation.deciding import Decision, decide, write_decision
from pipeline.evaluation.scorers import SCORERS, check_scorers
from pipeline.evaluation.scoring import Scoring, plan_scoring, score_responses

__all__ = [
    "SCORERS",
    "Decision",
    "PhaseResult",
    "Scoring",
    "answer_phase",
    "check_scorers",
    "compare",
    "decide",
    "forget_errors",
    "plan_scoring",
    "score_responses",
    "write_decision",
]
