"""Compares answers after training with those before, prompt by prompt, on the primary scorer.

A prompt counts only if both answers have a score and were given under the same decoding settings;
the others are left out in pairs and counted. The interval is a paired bootstrap: whole prompts are
drawn, never single answers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from statistics import fmean

from sqltune.database.connection import Database
from sqltune.database.tables import responses
from sqltune.database.tables import scores as scores_table
from sqltune.database.tables.scores import ScorePair
from sqltune.evaluation.paging import read_pages
from sqltune.records import Phase
from sqltune.verdicts import CategoryChange, Comparison, GateRules, PromptChange

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
#: Standard deviation of the changes of single prompts that is expected before any was measured:
#: about one prompt in nine changes from right to wrong or back.
USUAL_SPREAD = 1 / 3
#: With fewer prompts than this, no signs are rarer than 1 in 20.
LEAST_PROMPTS = 5
#: Of the prompts that lost, so many are kept with the verdict.
WORST_SHOWN = 3


def compare(database: Database, run_id: int, rules: GateRules, *, seed: int) -> Comparison:
    """Compare the answers after training with the live version's, or the base model's.

    Prompts that are trained on are left out, because an answer that was learnt by heart says
    nothing about other questions; where there are no others, they are compared all the same. Of
    prompts with the same content the first counts: the others show nothing new.

    Args:
        database: where the scores are stored.
        run_id: the run.
        rules: the gate's.
        seed: of what is drawn; equal seeds give equal intervals.
    """
    compared_phase = _choose_phase(database, run_id)
    clean, leaked = _Changes(), _Changes()
    seen, repeated_count = set[str](), 0
    for pair in _read_pairs(database, run_id, compared_phase):
        if pair.content_hash in seen:
            repeated_count += 1
            continue
        seen.add(pair.content_hash)
        (leaked if pair.is_leaked else clean).add(pair)
    are_all_leaked = not clean.count and bool(leaked.count)
    used = leaked if are_all_leaked else clean
    comparison = summarise_changes(
        used.changes,
        rules,
        compared_phase=compared_phase,
        error_count=used.errors,
        leaked_count=leaked.count,
        are_all_leaked=are_all_leaked,
        seed=seed,
    )
    return replace(comparison, repeated_count=repeated_count)


@dataclass
class _Changes:
    """The prompts of one kind."""

    changes: list[PromptChange] = field(default_factory=list)
    errors: int = 0

    @property
    def count(self) -> int:
        return len(self.changes) + self.errors

    def add(self, pair: ScorePair) -> None:
        before, after = pair.score_before, pair.score_after
        if before is None or after is None or pair.decoding_key_before != pair.decoding_key_after:
            self.errors += 1
        else:
            self.changes.append(PromptChange(pair.prompt_key, pair.category, before, after))


def summarise_changes(
    changes: Sequence[PromptChange],
    rules: GateRules,
    *,
    compared_phase: Phase,
    error_count: int = 0,
    leaked_count: int = 0,
    are_all_leaked: bool = False,
    seed: int = 0,
) -> Comparison:
    """Count wins, losses and ties, bound the mean change, and find what fell.

    Args:
        changes: the scores of each prompt that is compared.
        rules: the gate's.
        compared_phase: the phase of the scores before.
        error_count: prompts left out because of errors.
        leaked_count: prompts that are trained on.
        are_all_leaked: whether `changes` are those.
        seed: of what is drawn.
    """
    level = rules.gate_confidence or INTERVAL_LEVEL
    sizes = [each.change for each in changes]
    low, high = bound_mean(sizes, seed, level)
    return Comparison(
        compared_phase=compared_phase,
        prompts_compared=len(changes),
        error_count=error_count,
        leaked_count=leaked_count,
        are_all_leaked=are_all_leaked,
        wins=sum(size > TIE for size in sizes),
        losses=sum(size < -TIE for size in sizes),
        ties=sum(abs(size) <= TIE for size in sizes),
        mean_before=_mean([each.before for each in changes]),
        mean_after=_mean([each.after for each in changes]),
        mean_change=_mean(sizes),
        interval_low=low,
        interval_high=high,
        interval_level=level,
        p_value=sign_flip_p_value(sizes, rules.min_gain or 0.0, seed),
        categories=_by_category(changes),
        worst=tuple(sorted(_losses(changes), key=lambda each: each.change)[:WORST_SHOWN]),
    )


def smallest_shown(prompts: int) -> float | None:
    """Return the least mean change that so many prompts usually show, at 95 %.

    None: they are too few to show any.
    """
    if prompts < LEAST_PROMPTS:
        return None
    return float(min(1.0, 1.96 * USUAL_SPREAD / math.sqrt(prompts)))


def sign_flip_p_value(changes: Sequence[float], required: float, seed: int) -> float | None:
    """Return how often signs by chance make the mean exceed `required` by as much, or more.

    Fewer than five prompts cannot get below 1 in 20, whatever they show. None without prompts.
    """
    if not changes:
        return None
    if len(changes) == 1:
        return 0.5 if changes[0] > required else 1.0
    import numpy as np
    from scipy.stats import permutation_test

    result = permutation_test(
        (np.array(changes) - required,),
        np.mean,
        permutation_type="samples",
        alternative="greater",
        vectorized=True,
        n_resamples=_resamples(len(changes)),
        batch=max(1, DRAWS_AT_ONCE // len(changes)),
        rng=np.random.default_rng(seed),
    )
    return float(result.pvalue)


def bound_mean(
    changes: Sequence[float], seed: int, level: float = INTERVAL_LEVEL
) -> tuple[float | None, float | None]:
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
        confidence_level=level,
        n_resamples=_resamples(len(changes)),
        batch=max(1, DRAWS_AT_ONCE // len(changes)),
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    interval = result.confidence_interval
    return float(interval.low), float(interval.high)


def _resamples(count: int) -> int:
    return max(999, min(RESAMPLES, MAX_DRAWS // count))


def _losses(changes: Sequence[PromptChange]) -> list[PromptChange]:
    return [each for each in changes if each.change < -TIE]


def _by_category(changes: Sequence[PromptChange]) -> tuple[CategoryChange, ...]:
    found: dict[str, list[float]] = {}
    for each in changes:
        if each.category is not None:
            found.setdefault(each.category, []).append(each.change)
    rows = (CategoryChange(name, len(sizes), fmean(sizes)) for name, sizes in found.items())
    return tuple(sorted(rows, key=lambda row: row.mean_change))


def _choose_phase(database: Database, run_id: int) -> Phase:
    """Return the live version's phase, unless it could not be asked every prompt.

    It cannot where its weights are gone: answers that nobody can give must not hold up its
    replacement, which is then compared with the base model.
    """
    with database.read() as session:
        before = responses.count_responses(session, run_id, Phase.BEFORE).responses
        base = responses.count_responses(session, run_id, Phase.BASE).responses
    return Phase.BEFORE if before and before >= base else Phase.BASE


def _read_pairs(database: Database, run_id: int, compared_phase: Phase) -> Iterator[ScorePair]:
    pages = read_pages(
        database.read,
        lambda session, after: scores_table.fetch_score_pairs(
            session, run_id, compared_phase, after, PAGE_SIZE
        ),
    )
    return chain.from_iterable(pages)


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None
