"""Compares answers after training with those before, prompt by prompt, on the primary scorer.

A prompt counts only if both answers have a score and were given under the same decoding settings;
the others are left out in pairs and counted. The interval is a paired bootstrap: whole prompts are
drawn, never single answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean

from sqltune.database.connection import Database
from sqltune.database.tables import responses
from sqltune.database.tables import scores as scores_table
from sqltune.database.tables.scores import ScorePair
from sqltune.records import Comparison, Phase

#: Level of the interval of the mean change.
INTERVAL_LEVEL = 0.95
#: Scores closer than this are equal: the difference is rounding.
TIE = 1e-9
#: Bootstrap samples, and the number of draws above which fewer are taken, so that 100,000 prompts
#: take a second.
RESAMPLES = 9_999
MAX_DRAWS = 50_000_000
#: Draws in memory at once.
DRAWS_AT_ONCE = 1_000_000
PAGE_SIZE = 1_000


def compare(database: Database, run_id: int, *, seed: int) -> Comparison:
    """Compare the answers after training with the live version's, or the base model's.

    Args:
        database: where the scores are stored.
        run_id: the run.
        seed: of the bootstrap; equal seeds give equal intervals.
    """
    compared_phase = _choose_phase(database, run_id)
    before: list[float] = []
    after: list[float] = []
    error_count = 0
    for pair in _read_pairs(database, run_id, compared_phase):
        if (
            pair.score_before is None
            or pair.score_after is None
            or pair.decoding_key_before != pair.decoding_key_after
        ):
            error_count += 1
        else:
            before.append(pair.score_before)
            after.append(pair.score_after)
    return summarise_pairs(compared_phase, before, after, error_count, seed)


def summarise_pairs(
    compared_phase: Phase,
    before: Sequence[float],
    after: Sequence[float],
    error_count: int,
    seed: int,
) -> Comparison:
    """Count wins, losses and ties and bound the mean change.

    Args:
        compared_phase: the phase of `before`.
        before: scores in [0, 1], one per prompt.
        after: of the same prompts in the same order.
        error_count: prompts left out.
        seed: of the bootstrap.
    """
    changes = [new - old for old, new in zip(before, after, strict=True)]
    low, high = bound_mean(changes, seed)
    return Comparison(
        compared_phase=compared_phase,
        prompts_compared=len(changes),
        error_count=error_count,
        wins=sum(change > TIE for change in changes),
        losses=sum(change < -TIE for change in changes),
        ties=sum(abs(change) <= TIE for change in changes),
        mean_before=_mean(before),
        mean_after=_mean(after),
        mean_change=_mean(changes),
        interval_low=low,
        interval_high=high,
        interval_level=INTERVAL_LEVEL,
    )


def bound_mean(changes: Sequence[float], seed: int) -> tuple[float | None, float | None]:
    """Return the percentile bootstrap interval of the mean; None with fewer than two prompts."""
    if len(changes) < 2:
        return None, None
    if max(changes) - min(changes) <= TIE:
        return _mean(changes), _mean(changes)
    import numpy as np
    from scipy.stats import bootstrap

    result = bootstrap(
        (np.array(changes),),
        np.mean,
        confidence_level=INTERVAL_LEVEL,
        n_resamples=max(999, min(RESAMPLES, MAX_DRAWS // len(changes))),
        batch=max(1, DRAWS_AT_ONCE // len(changes)),
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    interval = result.confidence_interval
    return float(interval.low), float(interval.high)


def _choose_phase(database: Database, run_id: int) -> Phase:
    with database.read() as session:
        before = responses.count_responses(session, run_id, Phase.BEFORE)
    return Phase.BEFORE if before.responses else Phase.BASE


def _read_pairs(database: Database, run_id: int, compared_phase: Phase) -> Iterator[ScorePair]:
    after_key = ""
    while True:
        with database.read() as session:
            page = scores_table.fetch_score_pairs(
                session, run_id, compared_phase, after_key, PAGE_SIZE
            )
        if not page:
            return
        yield from page
        after_key = page[-1].prompt_key


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None
