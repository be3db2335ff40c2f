"""The scorers by name: each returns how right an answer is, from 0 to 1.

A scorer takes the answer, the expected text and the question, and raises ScorerError when it cannot
score it. To add one: write the function, add it to SCORERS with the threshold from which an answer
passes, and test it on known right and known wrong answers.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sqltune.errors import ConfigError
from sqltune.evaluation.beginnings import score_begins
from sqltune.evaluation.code_texts import score_code
from sqltune.evaluation.key_words import score_key_words
from sqltune.evaluation.phrases import score_contains
from sqltune.evaluation.score_limits import MAX_LINEAR_CHARACTERS, ScorerError, check_texts
from sqltune.evaluation.values import refuse_constant, score_json_equal, score_number
from sqltune.evaluation.words import fold_text, split_words, trim_text
from sqltune.selection import is_sql_scorer

#: Longest regular expression, in characters.
MAX_PATTERN = 10_000
#: A border of a word beside a letter that RE2 does not count as one.
_BOUNDARY_OF_NO_WORD = re.compile(r"\\b[^\x00-\x7f]|[^\x00-\x7f]\\b")
#: Largest product of an expression's compiled size and the answer's bytes: at worst RE2 takes as
#: many steps, in about a second.
MAX_PATTERN_STEPS = 100_000_000


@dataclass(frozen=True, slots=True)
class Scorer:
    """One way of scoring an answer."""

    score: Callable[[str, str, str], float]  #: (response, expected, prompt) -> 0 to 1
    pass_threshold: float  #: an answer passes with this score or more
    needs_expected: bool = True  #: False: the answer alone is scored


def check_scorers(names: Iterable[str]) -> None:
    """Check that every name is that of a scorer.

    Raises:
        ConfigError: one is unknown.
    """
    for name in names:
        if name not in SCORERS and not is_sql_scorer(name):
            raise ConfigError(describe_unknown_scorer(name))


def describe_unknown_scorer(name: str) -> str:
    """Return the message for a name that no scorer has."""
    return (
        f"unknown scorer {name!r}; known are {', '.join(SCORERS)}, and sql: with the name of a view"
    )


def score_exact(response: str, expected: str) -> float:
    """Return 1 if both texts are equal apart from space around them."""
    check_texts(response, expected, longest=MAX_LINEAR_CHARACTERS)
    return float(trim_text(response) == trim_text(expected))


def score_regex(response: str, expected: str) -> float:
    """Return 1 if the expected text, a regular expression of RE2, is found in the answer.

    RE2 bounds memory, and its time grows with the length of the answer alone:
    https://github.com/google/re2/wiki/WhyRE2
    """
    import re2

    _check_pattern(expected)
    options = re2.Options()
    options.log_errors = False
    text = response.encode()
    try:
        pattern = re2.compile(expected, options)
    except re2.error as exc:
        raise ScorerError(_describe_pattern_error(exc)) from exc
    if (steps := pattern.programsize * len(text)) > MAX_PATTERN_STEPS:
        raise ScorerError(
            f"the regular expression may take {steps:,} steps on this answer, and "
            f"{MAX_PATTERN_STEPS:,} are allowed: repeat less in it"
        )
    return float(pattern.search(text) is not None)


def _check_pattern(pattern: str) -> None:
    if len(pattern) > MAX_PATTERN:
        raise ScorerError(
            f"the regular expression has {len(pattern):,} characters: this scorer accepts "
            f"{MAX_PATTERN:,}"
        )
    if found := _BOUNDARY_OF_NO_WORD.search(pattern):
        raise ScorerError(
            f"{found.group()} in the regular expression never matches, since RE2 takes ASCII "
            r"letters alone for a word: write (^|\PL) and (\PL|$) in place of \b"
        )


def _describe_pattern_error(error: Exception) -> str:
    reason = error.args[0]
    said = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
    return (
        f"the expected text is not a valid regular expression of RE2: {said[:200]} (RE2 has no "
        r"look-around and no \1; write its syntax as in https://github.com/google/re2/wiki/Syntax)"
    )


def score_json_valid(response: str, _expected: str) -> float:
    """Return 1 if the answer is one JSON text by RFC 8259, which has no NaN and no Infinity."""
    check_texts(response, longest=MAX_LINEAR_CHARACTERS)
    try:
        json.loads(response, parse_constant=refuse_constant, parse_int=str)
    except RecursionError as exc:
        raise ScorerError("the JSON text is nested too deeply to be checked") from exc
    except ValueError:
        return 0.0
    return 1.0


def score_token_f1(response: str, expected: str) -> float:
    """Return F1 over words in any order, as SQuAD defines it: https://arxiv.org/abs/1606.05250."""
    check_texts(response, expected, longest=MAX_LINEAR_CHARACTERS)
    answered, wanted = split_words(response), split_words(expected)
    if not answered or not wanted:
        return float(answered == wanted)
    common = (Counter(answered) & Counter(wanted)).total()
    return 2 * common / (len(answered) + len(wanted))


def score_rouge_l(response: str, expected: str) -> float:
    """Return ROUGE-L, F1 of the longest common subsequence of the words that token_f1 counts.

    https://aclanthology.org/W04-1013
    """
    from rapidfuzz.distance import LCSseq

    check_texts(response, expected)
    answered, wanted = split_words(response), split_words(expected)
    if not answered or not wanted:
        return float(answered == wanted)
    return 2 * LCSseq.similarity(answered, wanted) / (len(answered) + len(wanted))


def score_chrf(response: str, expected: str) -> float:
    """Return chrF, F2 over character n-grams up to 6: https://aclanthology.org/W15-3049."""
    from sacrebleu.metrics.chrf import CHRF

    check_texts(response, expected)
    if trim_text(response) == trim_text(expected):
        return 1.0
    return _clip(float(CHRF().sentence_score(response, [expected]).score) / 100)


def score_similarity(response: str, expected: str) -> float:
    """Return the share of characters that need no edit, without regard to case and spaces."""
    from rapidfuzz import fuzz

    check_texts(response, expected)
    return _clip(fuzz.ratio(fold_text(response), fold_text(expected)) / 100)


def _alone(score: Callable[[str, str], float]) -> Callable[[str, str, str], float]:
    """Return a scorer that does not read the question."""
    return lambda response, expected, _prompt: score(response, expected)


#: Every scorer by its name in adapters.scorer, adapters.extra_scorers and eval_prompts.scorer.
SCORERS: dict[str, Scorer] = {
    "exact": Scorer(_alone(score_exact), 1.0),
    "contains": Scorer(score_contains, 1.0),
    "begins": Scorer(_alone(score_begins), 1.0),
    "number": Scorer(score_number, 0.5),
    "key_words": Scorer(score_key_words, 0.8),
    "code": Scorer(_alone(score_code), 1.0),
    "regex": Scorer(_alone(score_regex), 1.0),
    "json_equal": Scorer(_alone(score_json_equal), 1.0),
    "json_valid": Scorer(_alone(score_json_valid), 1.0, needs_expected=False),
    "token_f1": Scorer(_alone(score_token_f1), 0.5),
    "rouge_l": Scorer(_alone(score_rouge_l), 0.5),
    "chrf": Scorer(_alone(score_chrf), 0.5),
    "similarity": Scorer(_alone(score_similarity), 0.8),
}
#: Whether each scorer needs an expected text.
NEEDS_EXPECTED = {name: scorer.needs_expected for name, scorer in SCORERS.items()}


def _clip(score: float) -> float:
    """Clip what rounding put outside the range of scores."""
    return min(1.0, max(0.0, score))
