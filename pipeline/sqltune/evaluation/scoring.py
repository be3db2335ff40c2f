"""Scores answers; a scorer that fails is a row with its message, never a score of 0.

A scorer in SQL reads the answers in the database, so it scores when all of a run are stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sqltune.database.run_scope import RunScope
from sqltune.database.tables import scores as scores_table
from sqltune.evaluation.paging import read_pages
from sqltune.evaluation.score_limits import ScorerError
from sqltune.evaluation.scorers import (
    SCORERS,
    check_scorers,
    describe_unknown_scorer,
)
from sqltune.evaluation.shapes import CHOSEN_SCORERS
from sqltune.evaluation.sql_views import SqlViews
from sqltune.records import Adapter, Phase, Score
from sqltune.selection import GivenScore, SelectionReader, is_sql_scorer

#: From this score an answer passes by a scorer in SQL.
SQL_PASS_THRESHOLD = 0.5
#: Answers read and scores written at once; their transaction stays far below 200 ms.
PAGE_SIZE = 200


class ScoredPrompt(Protocol):
    """What the scorers read of a prompt."""

    @property
    def prompt_key(self) -> str:
        """The prompt's key."""

    @property
    def prompt(self) -> str:
        """What was asked last."""

    @property
    def expected(self) -> str | None:
        """None: there is nothing to compare with."""

    @property
    def scorer(self) -> str:
        """The primary one: the prompt's own, else the adapter's, else the chosen one."""


@dataclass(frozen=True, slots=True)
class Scoring:
    """Which scorers an adapter asks for."""

    scorer: str | None  #: primary, where a prompt names no other; None: by the prompt's shape
    extra_scorers: tuple[str, ...] = ()
    pass_threshold: float | None = None  #: of that scorer; None: the scorer's own

    def is_later(self, primary: str) -> bool:
        """Whether a prompt's answers are scored only when all are stored."""
        return any(map(is_sql_scorer, (primary, *self.extra_scorers)))


def plan_scoring(adapter: Adapter) -> Scoring:
    """Return how an adapter's row asks for answers to be scored.

    Raises:
        ConfigError: it names an unknown scorer.
    """
    named = (adapter.scorer,) if adapter.scorer is not None else ()
    check_scorers((*named, *adapter.extra_scorers))
    return Scoring(adapter.scorer, adapter.extra_scorers, adapter.pass_threshold)


def score_answer(
    scoring: Scoring,
    phase: Phase,
    asked: ScoredPrompt,
    response: str,
    views: SqlViews | None = None,
) -> list[Score]:
    """Score one answer by its primary and the extra scorers.

    Args:
        scoring: what the adapter asks for.
        phase: which model answered.
        asked: the prompt; without an expected text, only the scorers that need none score.
        response: the answer.
        views: what scorers in SQL read; None: the prompt has none.
    """
    found = []
    for name in dict.fromkeys((asked.scorer, *scoring.extra_scorers)):
        if asked.expected is None and _needs_expected(name):
            continue
        if views is not None and is_sql_scorer(name):
            given = views.read(name, phase).find(asked.prompt_key)
        else:
            given = _try_scorer(name, response, asked)
        found.append(
            Score(
                prompt_key=asked.prompt_key,
                phase=phase,
                scorer=name,
                is_primary_scorer=name == asked.scorer,
                score=given.score,
                pass_threshold=_threshold(scoring, name),
                error_message=given.error_message,
                reason=given.reason,
            )
        )
    return found


def score_responses(
    scope: RunScope, scoring: Scoring, reader: SelectionReader | None = None
) -> int:
    """Score every answer of a run that has no score yet; return the number of scores written.

    Without a reader, answers that a scorer in SQL scores are left out.
    """
    views = None if reader is None else SqlViews(reader, scope.run_id)
    return sum(score_phase(scope, phase, scoring, views) for phase in Phase)


def score_phase(
    scope: RunScope, phase: Phase, scoring: Scoring, views: SqlViews | None = None
) -> int:
    """Score every answer of one phase that has no score yet; return how many were written."""
    written = 0
    pages = read_pages(
        scope.read,
        lambda session, after: scores_table.fetch_unscored_responses(
            session, scope.run_id, phase, after, PAGE_SIZE
        ),
    )
    for page in pages:
        found = []
        for row in page:
            scope.check()  # a text near the scorers' limits takes seconds
            if views is not None or not scoring.is_later(row.scorer):
                found += score_answer(scoring, phase, row, row.response, views)
        if found:
            with scope.transaction() as session:
                scores_table.insert_scores(session, scope.run_id, found, now=scope.now())
        written += len(found)
    return written


def _threshold(scoring: Scoring, scorer: str) -> float:
    named = CHOSEN_SCORERS if scoring.scorer is None else {scoring.scorer}
    if scorer in named and scoring.pass_threshold is not None:
        return scoring.pass_threshold
    if is_sql_scorer(scorer):
        return SQL_PASS_THRESHOLD
    return SCORERS[scorer].pass_threshold if scorer in SCORERS else 1.0


def _needs_expected(scorer: str) -> bool:
    if scorer in SCORERS:
        return SCORERS[scorer].needs_expected
    return not is_sql_scorer(scorer)


def _try_scorer(name: str, response: str, asked: ScoredPrompt) -> GivenScore:
    if name not in SCORERS:
        return GivenScore(None, error_message=describe_unknown_scorer(name))
    try:
        return GivenScore(SCORERS[name].score(response, asked.expected or "", asked.prompt))
    except ScorerError as exc:
        return GivenScore(None, error_message=str(exc))
    except Exception as exc:  # a library's fault with one answer must not stop the run
        return GivenScore(None, error_message=f"{type(exc).__name__}: {exc}")
