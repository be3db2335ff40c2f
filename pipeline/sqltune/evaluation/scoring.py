"""Scores answers; a scorer that fails is a row with its message, never a score of 0."""

from __future__ import annotations

from dataclasses import dataclass

from sqltune.database.run_scope import RunScope
from sqltune.database.tables import scores as scores_table
from sqltune.evaluation.scorers import (
    SCORERS,
    ScorerError,
    check_scorers,
    describe_unknown_scorer,
)
from sqltune.records import Adapter, Phase, Score

#: Answers read and scores written at once; their transaction stays far below 200 ms.
PAGE_SIZE = 200


@dataclass(frozen=True, slots=True)
class Scoring:
    """Which scorers an adapter asks for."""

    scorer: str  #: primary, where a prompt names no other
    extra_scorers: tuple[str, ...] = ()
    pass_threshold: float | None = None  #: of the primary scorer; None: the scorer's own


def plan_scoring(adapter: Adapter) -> Scoring:
    """Return how an adapter's row asks for answers to be scored.

    Raises:
        ConfigError: it names an unknown scorer.
    """
    check_scorers((adapter.scorer, *adapter.extra_scorers))
    return Scoring(adapter.scorer, adapter.extra_scorers, adapter.pass_threshold)


def score_answer(
    scoring: Scoring,
    phase: Phase,
    prompt_key: str,
    primary: str,
    response: str,
    expected: str | None,
) -> list[Score]:
    """Score one answer by its primary and the extra scorers.

    Args:
        scoring: what the adapter asks for.
        phase: which model answered.
        prompt_key: the prompt's key.
        primary: the prompt's own scorer, else the adapter's.
        response: the answer.
        expected: None: only the scorers that need no expected text score.
    """
    found = []
    for name in dict.fromkeys((primary, *scoring.extra_scorers)):
        if expected is None and (name not in SCORERS or SCORERS[name].needs_expected):
            continue
        score, message = _try_scorer(name, response, expected or "")
        found.append(
            Score(
                prompt_key=prompt_key,
                phase=phase,
                scorer=name,
                is_primary_scorer=name == primary,
                score=score,
                pass_threshold=_threshold(scoring, name),
                error_message=message,
            )
        )
    return found


def score_responses(scope: RunScope, scoring: Scoring) -> int:
    """Score every answer of a run that has no score yet; return the number of scores written."""
    return sum(score_phase(scope, phase, scoring) for phase in Phase)


def score_phase(scope: RunScope, phase: Phase, scoring: Scoring) -> int:
    """Score every answer of one phase that has no score yet; return how many were written."""
    after_key, written = "", 0
    while True:
        with scope.read() as session:
            page = scores_table.fetch_unscored_responses(
                session, scope.run_id, phase, after_key, PAGE_SIZE
            )
        if not page:
            return written
        found = []
        for row in page:
            scope.check()  # a text near the scorers' limits takes seconds
            found += score_answer(
                scoring, phase, row.prompt_key, row.scorer, row.response, row.expected
            )
        if found:
            with scope.transaction() as session:
                scores_table.insert_scores(session, scope.run_id, found, now=scope.now())
        written += len(found)
        after_key = page[-1].prompt_key


def _threshold(scoring: Scoring, scorer: str) -> float:
    if scorer == scoring.scorer and scoring.pass_threshold is not None:
        return scoring.pass_threshold
    return SCORERS[scorer].pass_threshold if scorer in SCORERS else 1.0


def _try_scorer(name: str, response: str, expected: str) -> tuple[float | None, str | None]:
    if name not in SCORERS:
        return None, describe_unknown_scorer(name)
    try:
        return SCORERS[name].score(response, expected), None
    except ScorerError as exc:
        return None, str(exc)
    except Exception as exc:  # a library's fault with one answer must not stop the run
        return None, f"{type(exc).__name__}: {exc}"
