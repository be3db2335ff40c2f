"""Evaluation: ask the prompts, score the answers, compare before with after, decide what goes live.

Each step stores what it found and can be called again after a crash.
"""

from __future__ import annotations

from sqltune.evaluation.answering_model import AnsweringModel
from sqltune.evaluation.comparing import compare
from sqltune.evaluation.gate import Verdict, reach_verdict, review_live, rules_of
from sqltune.evaluation.measuring import measure
from sqltune.evaluation.phase import answer_phase, forget_errors
from sqltune.evaluation.recording import record_evaluation, record_review, record_verdict
from sqltune.evaluation.scorers import NEEDS_EXPECTED
from sqltune.evaluation.scoring import plan_scoring, score_responses
from sqltune.evaluation.shapes import choose_scorer
from sqltune.evaluation.storable_answers import make_missing, make_storable

__all__ = [
    "NEEDS_EXPECTED",
    "AnsweringModel",
    "Verdict",
    "answer_phase",
    "choose_scorer",
    "compare",
    "forget_errors",
    "make_missing",
    "make_storable",
    "measure",
    "plan_scoring",
    "reach_verdict",
    "record_evaluation",
    "record_review",
    "record_verdict",
    "review_live",
    "rules_of",
    "score_responses",
]
