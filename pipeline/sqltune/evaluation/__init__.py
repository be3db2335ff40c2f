"""Evaluation: ask the prompts, score the answers, compare before with after, decide what goes live.

Stands between the runner and database/backends; each step stores what it found and can be called
again after a crash.
"""

from __future__ import annotations

from sqltune.evaluation.answer_store import PhaseResult
from sqltune.evaluation.comparing import compare
from sqltune.evaluation.gate import Verdict, decide, write_decision
from sqltune.evaluation.phase import answer_phase, forget_errors
from sqltune.evaluation.scorers import SCORERS, check_scorers
from sqltune.evaluation.scoring import Scoring, plan_scoring, score_responses

__all__ = [
    "SCORERS",
    "PhaseResult",
    "Scoring",
    "Verdict",
    "answer_phase",
    "check_scorers",
    "compare",
    "decide",
    "forget_errors",
    "plan_scoring",
    "score_responses",
    "write_decision",
]
