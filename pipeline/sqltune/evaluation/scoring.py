"""Scores answers; a scorer that fails is a row with its message, never a score of 0."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqltune.database.connection import Database
from sqltune.database.tables import scores as scores_table
from sqltune.evaluation.scorers import SCORERS, ScorerError, check_scorers
from sqltune.records import Adapter, Claim, Phase, Score

#: Answers read and scores written at once; their transaction stays far below 200 ms.
PAGE_SIZE = 200


@dataclass(frozen=True, slots=True)
class Scoring:
    """Which scorers an adapter asks for."""

    scorer: str  #: primary, where a prompt names no other
    extra_scorers: tuple[str, ...] = ()
    pass_threshold: float | None = None  #: of the primary scorer; None: its own


def plan_scoring(adapter: Adapter) -> Scoring:
    """Read from the adapter's row how answers are scored.

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
    """Score one answer by its primary and the extra scorers; without an expected text few can.

    Args:
        primary: the prompt's own scorer, else the adapter's.
    """
    names = dict.fromkeys((primary, *scoring.extra_scorers))
    return [
        _score_by(name, scoring, phase, prompt_key, name == primary, response, expected)
        for name in names
        if expected is not None or (name in SCORERS and not SCORERS[name].needs_expected)
    ]


def score_responses(
    database: Database,
    claim: Claim,
    run_id: int,
    scoring: Scoring,
    *,
    check: Callable[[], None],
    now: Callable[[], datetime],
) -> int:
    """Score every answer of a run that has no score yet; gives the number of scores written."""
    return sum(
        score_phase(database, claim, run_id, phase, scoring, check=check, now=now)
        for phase in Phase
    )


def score_phase(
    database: Database,
    claim: Claim,
    run_id: int,
    phase: Phase,
    scoring: Scoring,
    *,
    check: Callable[[], None],
    now: Callable[[], datetime],
) -> int:
    """Score every answer of one phase that has no score yet; gives how many were written."""
    after_key, written = "", 0
    while True:
        check()
        with database.read() as session:
            page = scores_table.fetch_unscored_responses(
                session, run_id, phase, after_key, PAGE_SIZE
            )
        if not page:
            return written
        found = [
            score
            for row in page
            for score in score_answer(
                scoring, phase, row.prompt_key, row.scorer, row.response, row.expected
            )
        ]
        if found:
            with database.transaction(claim) as session:
                scores_table.insert_scores(session, run_id, found, now=now())
        written += len(found)
        after_key = page[-1].prompt_key


def _score_by(
    name: str,
    scoring: Scoring,
    phase: Phase,
    prompt_key: str,
    is_primary: bool,
    response: str,
    expected: str | None,
) -> Score:
    score, message = _try_scorer(name, response, expected or "")
    return Score(
        prompt_key=prompt_key,
        phase=phase,
        scorer=name,
        is_primary_scorer=is_primary,
        score=score,
        pass_threshold=_threshold(scoring, name),
        error_message=message,
    )


def _threshold(scoring: Scoring, scorer: str) -> float:
    if scorer == scoring.scorer and scoring.pass_threshold is not None:
        return scoring.pass_threshold
    return SCORERS[scorer].pass_threshold if scorer in SCORERS else 1.0


def _try_scorer(name: str, response: str, expected: str) -> tuple[float | None, str | None]:
    if name not in SCORERS:
        return None, f"unknown scorer {name!r}; known are {', '.join(SCORERS)}"
    try:
        return SCORERS[name].score(response, expected), None
    except ScorerError as exc:
        return None, str(exc)
    except Exception as exc:  # a library's fault with one answer must not stop the run
        return None, f"{type(exc).__name__}: {exc}"
