"""Measures how a version stands: its scores over all prompts and over the clean ones.

Two evaluations are compared only where the same prompts were scored by the same scorers, under the
same decoding settings, and the same of them are clean. Their keys say so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from itertools import chain
from statistics import fmean

from sqltune.database.connection import Database
from sqltune.database.tables import scores
from sqltune.database.tables.scores import EvaluatedPrompt
from sqltune.evaluation.comparing import INTERVAL_LEVEL, bound_mean
from sqltune.evaluation.paging import read_pages
from sqltune.verdicts import Standing

PAGE_SIZE = 1_000


def measure(database: Database, run_id: int, *, decoding_key: str, seed: int) -> Standing:
    """Return how the version that a run evaluated answered its prompts.

    Args:
        database: where the scores are stored.
        run_id: the run.
        decoding_key: hash of the decoding settings that its prompts were answered with.
        seed: of what is drawn; equal seeds give equal intervals.
    """
    pages = read_pages(
        database.read,
        lambda session, after: scores.fetch_evaluated_prompts(session, run_id, after, PAGE_SIZE),
    )
    return summarise_scores(list(chain.from_iterable(pages)), decoding_key, seed)


def summarise_scores(prompts: Sequence[EvaluatedPrompt], decoding_key: str, seed: int) -> Standing:
    """Count prompts, leaks and errors, take the means, and bound that of the clean prompts."""
    clean = [prompt for prompt in prompts if not prompt.is_leaked]
    scored, clean_scores = _scores(prompts), _scores(clean)
    low, high = bound_mean(clean_scores, seed, INTERVAL_LEVEL)
    prompt_set = _hash(f"{prompt.content_hash} {prompt.scorer}" for prompt in prompts)
    clean_set = _hash(f"{prompt.content_hash} {prompt.scorer}" for prompt in clean)
    return Standing(
        prompt_count=len(prompts),
        clean_count=len(clean),
        leaked_count=len(prompts) - len(clean),
        error_count=len(prompts) - len(scored),
        mean_score=fmean(scored) if scored else None,
        clean_score=fmean(clean_scores) if clean_scores else None,
        interval_low=low,
        interval_high=high,
        interval_level=INTERVAL_LEVEL,
        prompt_set_key=prompt_set,
        decoding_key=decoding_key,
        comparison_key=_hash([prompt_set, clean_set, decoding_key]),
    )


def _scores(prompts: Sequence[EvaluatedPrompt]) -> list[float]:
    return [prompt.score for prompt in prompts if prompt.score is not None]


def _hash(parts: Iterable[str]) -> str:
    """Hash texts in whatever order they come: the keys of rows, and so their order, may change."""
    return blake2b("\n".join(sorted(parts)).encode(), digest_size=32).hexdigest()
