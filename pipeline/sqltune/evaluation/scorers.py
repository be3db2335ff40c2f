"""The scorers by name: each returns how right an answer is, from 0 to 1.

A scorer takes the answer and the expected text and raises ScorerError when it cannot score it. To
add one: write the function, add it to SCORERS with the threshold from which an answer passes, and
test it on known right and known wrong answers.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NoReturn

from sqltune.errors import ConfigError, PipelineError
from sqltune.evaluation.words import fold_text, split_words, trim_text

#: Longest time for one regular expression on one answer: an expected text is a row, and rows must
#: not stop a run.
REGEX_SECONDS = 0.2
#: Longest text for scorers whose work grows with the square of it; 100,000 characters take well
#: under a second.
MAX_CHARACTERS = 100_000


class ScorerError(PipelineError):
    """Raised when a scorer cannot score an answer; the score's row keeps the message."""

    code = "scorer_error"


@dataclass(frozen=True, slots=True)
class Scorer:
    """One way of scoring an answer."""

    score: Callable[[str, str], float]  #: (response, expected) -> 0 to 1
    pass_threshold: float  #: an answer passes with this score or more
    needs_expected: bool = True  #: False: the answer alone is scored


def check_scorers(names: Iterable[str]) -> None:
    """Check that every name is that of a scorer.

    Raises:
        ConfigError: one is unknown.
    """
    for name in names:
        if name not in SCORERS:
            raise ConfigError(describe_unknown_scorer(name))


def describe_unknown_scorer(name: str) -> str:
    """Return the message for a name that no scorer has."""
    return f"unknown scorer {name!r}; known are {', '.join(SCORERS)}"


def score_exact(response: str, expected: str) -> float:
    """Return 1 if both texts are equal apart from space around them."""
    return float(trim_text(response) == trim_text(expected))


def score_contains(response: str, expected: str) -> float:
    """Return 1 if the answer contains the expected text, without regard to case and spaces."""
    wanted = fold_text(expected)
    if not wanted:
        raise ScorerError("the expected text is empty, and every answer contains an empty text")
    return float(wanted in fold_text(response))


def score_regex(response: str, expected: str) -> float:
    """Return 1 if the expected text, a regular expression, is found in the answer."""
    import regex

    try:
        found = regex.search(expected, response, timeout=REGEX_SECONDS, concurrent=True)
    except TimeoutError as exc:
        raise ScorerError(
            f"the regular expression took over {REGEX_SECONDS} seconds: make it simpler"
        ) from exc
    except regex.error as exc:
        raise ScorerError(f"the expected text is not a valid regular expression: {exc}") from exc
    except RecursionError as exc:
        raise ScorerError("the regular expression is nested too deeply") from exc
    return float(found is not None)


def score_json_valid(response: str, _expected: str) -> float:
    """Return 1 if the answer is one JSON text by RFC 8259, which has no NaN and no Infinity."""
    try:
        json.loads(response, parse_constant=_refuse_constant, parse_int=str)
    except RecursionError as exc:
        raise ScorerError("the JSON text is nested too deeply to be checked") from exc
    except ValueError:
        return 0.0
    return 1.0


def score_token_f1(response: str, expected: str) -> float:
    """Return F1 over words in any order, as SQuAD defines it: https://arxiv.org/abs/1606.05250."""
    answered, wanted = split_words(response), split_words(expected)
    if not answered or not wanted:
        return _score_without_words(response, expected)
    common = (Counter(answered) & Counter(wanted)).total()
    return 2 * common / (len(answered) + len(wanted))


def score_rouge_l(response: str, expected: str) -> float:
    """Return ROUGE-L, F1 of the longest common subsequence: https://aclanthology.org/W04-1013."""
    from rapidfuzz.distance import LCSseq

    _check_lengths(response, expected)
    answered, wanted = split_words(response), split_words(expected)
    if not answered or not wanted:
        return _score_without_words(response, expected)
    return 2 * LCSseq.similarity(answered, wanted) / (len(answered) + len(wanted))


def score_chrf(response: str, expected: str) -> float:
    """Return chrF, F2 over character n-grams up to 6: https://aclanthology.org/W15-3049."""
    from sacrebleu.metrics.chrf import CHRF

    _check_lengths(response, expected)
    if trim_text(response) == trim_text(expected):
        return 1.0
    return _clip(float(CHRF().sentence_score(response, [expected]).score) / 100)


def score_similarity(response: str, expected: str) -> float:
    """Return the share of characters that need no edit, without regard to case and spaces."""
    from rapidfuzz import fuzz

    _check_lengths(response, expected)
    return _clip(fuzz.ratio(fold_text(response), fold_text(expected)) / 100)


#: Every scorer by its name in adapters.scorer, adapters.extra_scorers and eval_prompts.scorer.
SCORERS: dict[str, Scorer] = {
    "exact": Scorer(score_exact, 1.0),
    "contains": Scorer(score_contains, 1.0),
    "regex": Scorer(score_regex, 1.0),
    "json_valid": Scorer(score_json_valid, 1.0, needs_expected=False),
    "token_f1": Scorer(score_token_f1, 0.5),
    "rouge_l": Scorer(score_rouge_l, 0.5),
    "chrf": Scorer(score_chrf, 0.5),
    "similarity": Scorer(score_similarity, 0.8),
}


def _score_without_words(response: str, expected: str) -> float:
    """Compare texts without any word, such as a single emoji."""
    return float(fold_text(response) == fold_text(expected))


def _check_lengths(*texts: str) -> None:
    longest = max(len(text) for text in texts)
    if longest > MAX_CHARACTERS:
        raise ScorerError(
            f"a text of {longest:,} characters is too long: this scorer accepts {MAX_CHARACTERS:,}"
        )


def _clip(score: float) -> float:
    """Clip what rounding put outside the range of scores."""
    return min(1.0, max(0.0, score))


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
