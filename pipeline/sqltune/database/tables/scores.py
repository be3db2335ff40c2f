"""The scores of responses: `scores`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqltune.database.connection import Session
from sqltune.database.times import format_time
from sqltune.records import Phase, Score


@dataclass(frozen=True, slots=True)
class UnscoredResponse:
    """One answer without scores."""

    prompt_key: str
    response: str
    prompt: str
    expected: str | None  #: None: nothing to compare with
    scorer: str


@dataclass(frozen=True, slots=True)
class ScorePair:
    """One prompt's primary scores; None where an answer or a score is missing or an error."""

    prompt_key: str
    content_hash: str  #: of the prompt with its expected text
    category: str | None
    is_leaked: bool  #: a trained sample has the same prompt
    decoding_key_before: str | None
    decoding_key_after: str | None
    score_before: float | None
    score_after: float | None


@dataclass(frozen=True, slots=True)
class EvaluatedPrompt:
    """One prompt that can be scored, and how the evaluated version did on it."""

    prompt_key: str
    content_hash: str  #: of the prompt with its expected text
    scorer: str  #: the primary one
    is_leaked: bool  #: a trained sample has the same prompt
    score: float | None  #: None: the answer or the score is missing or an error


@dataclass(frozen=True, slots=True)
class TrainedPrompts:
    """Of the prompts that are trained on, how many have a score and how many pass."""

    prompts: int
    right: int


def count_trained_prompts(session: Session, run_id: int) -> TrainedPrompts:
    """Return how many prompts that are trained on the evaluated version answers right."""
    row = session.fetch_one("count_trained_prompts", run_id=run_id)
    assert row is not None, "a count has one row"  # noqa: S101
    return TrainedPrompts(int(row.prompt_count), int(row.right_count))


def fetch_unscored_responses(
    session: Session, run_id: int, phase: Phase, after_key: str, page_size: int
) -> list[UnscoredResponse]:
    """Return the next answers of a phase without scores, in the order of prompt_key."""
    rows = session.fetch_all(
        "fetch_unscored_responses",
        run_id=run_id,
        phase=phase.value,
        after_key=after_key,
        page_size=page_size,
    )
    return [
        UnscoredResponse(r.prompt_key, r.response, r.prompt, r.expected, r.scorer) for r in rows
    ]


def insert_scores(session: Session, run_id: int, scores: Sequence[Score], *, now: datetime) -> None:
    """Store scores."""
    scored_at = format_time(now)
    values = [
        {name: getattr(score, name) for name in Score.__dataclass_fields__}
        | {
            "phase": score.phase.value,
            "is_primary_scorer": int(score.is_primary_scorer),
            "run_id": run_id,
            "scored_at": scored_at,
        }
        for score in scores
    ]
    if values:
        session.execute_many("insert_score", values)


def delete_error_scores(session: Session, run_id: int, page_size: int) -> int:
    """Delete the scores of the next answers on which a scorer failed; return how many answers."""
    rows = session.fetch_all("fetch_error_scores", run_id=run_id, page_size=page_size)
    for row in rows:
        session.execute("delete_scores", run_id=run_id, prompt_key=row.prompt_key, phase=row.phase)
    return len(rows)


def fetch_score_pairs(
    session: Session, run_id: int, compared_phase: Phase, after_key: str, page_size: int
) -> list[ScorePair]:
    """Return the next pairs of primary scores, in the order of prompt_key."""
    rows = session.fetch_all(
        "fetch_score_pairs",
        run_id=run_id,
        compared_phase=compared_phase.value,
        after_key=after_key,
        page_size=page_size,
    )
    return [
        ScorePair(
            row.prompt_key,
            row.content_hash,
            row.category,
            bool(row.is_leaked),
            row.decoding_key_before,
            row.decoding_key_after,
            row.score_before,
            row.score_after,
        )
        for row in rows
    ]


def fetch_evaluated_prompts(
    session: Session, run_id: int, after_key: str, page_size: int
) -> list[EvaluatedPrompt]:
    """Return the next prompts with the version's primary scores, in the order of prompt_key."""
    rows = session.fetch_all(
        "fetch_evaluated_prompts", run_id=run_id, after_key=after_key, page_size=page_size
    )
    return [
        EvaluatedPrompt(r.prompt_key, r.content_hash, r.scorer, bool(r.is_leaked), r.score)
        for r in rows
    ]
