"""Which scorers score an answer, and what happens when one fails."""

from __future__ import annotations

import subprocess
import sys

from sqltune.database.tables.scores import UnscoredResponse
from sqltune.evaluation.scoring import Scoring, score_answer
from sqltune.records import Phase, Score

SCORING = Scoring("token_f1", ("exact", "chrf"), 0.7)


def test_the_primary_scorer_is_marked_and_the_extra_ones_are_not() -> None:
    scores = _score(SCORING, "token_f1", "Paris", "Paris")
    assert [(s.scorer, s.is_primary_scorer, s.score) for s in scores] == [
        ("token_f1", True, 1.0),
        ("exact", False, 1.0),
        ("chrf", False, 1.0),
    ]


def test_a_prompts_own_scorer_takes_the_place_of_the_adapters() -> None:
    scores = _score(SCORING, "exact", "paris", "Paris")
    assert [(s.scorer, s.is_primary_scorer) for s in scores] == [("exact", True), ("chrf", False)]


def test_the_adapters_threshold_is_for_its_own_scorer_alone() -> None:
    thresholds = {s.scorer: s.pass_threshold for s in _score(SCORING, "token_f1", "a", "a")}
    assert thresholds == {"token_f1": 0.7, "exact": 1.0, "chrf": 0.5}
    own = _score(SCORING, "similarity", "a", "a")[0]
    assert own.pass_threshold == 0.8


def test_without_a_named_scorer_the_threshold_is_for_the_chosen_one() -> None:
    chosen = Scoring(None, ("exact",), 0.7)
    thresholds = {s.scorer: s.pass_threshold for s in _score(chosen, "key_words", "a", "a")}
    assert thresholds == {"key_words": 0.7, "exact": 1.0}


def test_without_an_expected_text_only_scorers_that_need_none_score() -> None:
    assert _score(SCORING, "token_f1", "Paris", None) == []
    scores = _score(Scoring("json_valid", ("exact",)), "json_valid", "{}", None)
    assert [(s.scorer, s.score) for s in scores] == [("json_valid", 1.0)]


def test_a_scorer_that_fails_leaves_a_row_with_its_reason_and_no_score() -> None:
    (score,) = _score(Scoring("regex"), "regex", "text", "(")
    assert score.score is None
    assert "not a valid regular expression" in (score.error_message or "")


def test_an_unknown_scorer_of_a_prompt_is_an_error_of_that_prompt() -> None:
    (score,) = _score(Scoring("exact"), "blue", "text", "text")
    assert score.score is None
    assert "unknown scorer 'blue'" in (score.error_message or "")


def test_evaluation_is_imported_without_its_heavy_libraries() -> None:
    code = (
        "import sys, sqltune.evaluation\n"
        "heavy = {'torch', 'pandas', 'numpy', 'scipy', 'sacrebleu', 'rapidfuzz', 're2', 'regex'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def _score(scoring: Scoring, primary: str, response: str, expected: str | None) -> list[Score]:
    asked = UnscoredResponse("k", response, "What is the capital?", expected, primary)
    return score_answer(scoring, Phase.AFTER, asked, response)
