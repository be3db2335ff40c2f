"""What the scorer that NULL chooses gives to right and wrong answers of ten kinds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sqltune.evaluation.score_limits import ScorerError
from sqltune.evaluation.scorers import SCORERS
from sqltune.evaluation.shapes import CHOSEN_SCORERS, NO_SCORER, choose_scorer
from tests.unit.scored_answers import TABLE

#: What every scorer gives to the answers of the table, a line each.
FILE = Path(__file__).with_name("scores_of_every_scorer.jsonl")
EVERY_SCORE: list[dict[str, Any]] = [
    json.loads(line) for line in FILE.read_text("utf-8").splitlines()
]


@pytest.mark.parametrize(("kind", "question", "expected", "scorer", "answer", "score"), TABLE)
def test_null_chooses_the_scorer_and_the_score_is_that_of_the_table(
    kind: str, question: str, expected: str, scorer: str, answer: str, score: float
) -> None:
    assert choose_scorer(expected) == scorer
    assert SCORERS[scorer].score(answer, expected, question) == pytest.approx(score), kind


def test_the_table_has_ten_kinds() -> None:
    assert len({row[0] for row in TABLE}) >= 10
    assert len(TABLE) >= 40


@pytest.mark.parametrize("row", TABLE, ids=range(len(TABLE)))
def test_only_right_answers_pass_with_the_chosen_scorer(row: tuple[str, ...]) -> None:
    _, question, expected, scorer, answer, score = row
    chosen = SCORERS[scorer]
    passes = chosen.score(answer, expected, question) >= chosen.pass_threshold
    # Of two numbers, the right one passes: "it opens at 9 and closes at 17".
    assert passes == (score == 1 or (scorer == "number" and score == 0.5))


@pytest.mark.parametrize("scorer", sorted({row[3] for row in TABLE}))
def test_an_answer_of_the_questions_words_alone_never_passes(scorer: str) -> None:
    for _, question, expected, chosen, _, _ in TABLE:
        if chosen == scorer and expected.casefold() not in question.casefold():
            score = SCORERS[scorer].score(question.rstrip("?") + ".", expected, question)
            assert score < SCORERS[scorer].pass_threshold, (question, expected)


def test_every_scorer_that_can_be_chosen_is_in_the_table() -> None:
    assert {row[3] for row in TABLE} == CHOSEN_SCORERS


def test_without_an_expected_text_there_is_no_scorer() -> None:
    assert choose_scorer(None) == NO_SCORER
    assert NO_SCORER not in SCORERS


def test_an_empty_expected_text_is_compared_exactly() -> None:
    assert choose_scorer(" ") == "exact"


def test_text_that_only_looks_like_json_is_text() -> None:
    assert choose_scorer("[see the manual of the year 1998]") == "key_words"


@pytest.mark.parametrize("expected", ["none here", "1 or 2"])
def test_the_number_scorer_needs_one_number(expected: str) -> None:
    with pytest.raises(ScorerError, match="write one"):
        SCORERS["number"].score("1", expected, "")


def test_json_that_is_expected_must_be_json() -> None:
    with pytest.raises(ScorerError, match="is no JSON"):
        SCORERS["json_equal"].score("{}", "{", "")


def test_an_answer_nested_deeply_is_an_error_and_not_a_crash() -> None:
    with pytest.raises(ScorerError, match="nested"):
        SCORERS["json_equal"].score("[" * 100_000, "[]", "")


@pytest.mark.parametrize("row", EVERY_SCORE, ids=range(len(EVERY_SCORE)))
def test_every_scorer_gives_what_is_written_down_for_right_and_wrong_answers(
    row: dict[str, Any],
) -> None:
    """To write down new ones, run this module; then read every figure that changed."""
    assert _score_all(row["question"], row["expected"], row["answer"]) == row["scores"]


def test_what_is_written_down_is_of_every_answer_of_the_table() -> None:
    texts = [(row["kind"], row["question"], row["expected"], row["answer"]) for row in EVERY_SCORE]
    assert texts == [
        (kind, asked, expected, answer) for kind, asked, expected, _, answer, _ in TABLE
    ]


def _score_all(question: str, expected: str, answer: str) -> dict[str, float | None]:
    """Return the score of every scorer to three digits; None where it cannot score."""
    scores: dict[str, float | None] = {}
    for name, scorer in SCORERS.items():
        try:
            scores[name] = round(scorer.score(answer, expected, question), 3)
        except ScorerError:
            scores[name] = None
    return scores


if __name__ == "__main__":
    FILE.write_text(
        "".join(
            json.dumps(
                {"kind": kind, "question": asked, "expected": expected, "answer": answer}
                | {"scores": _score_all(asked, expected, answer)},
                ensure_ascii=False,
            )
            + "\n"
            for kind, asked, expected, _, answer, _ in TABLE
        ),
        encoding="utf-8",
    )
