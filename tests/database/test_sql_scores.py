"""Scorers in SQL: a view of a person's own scores the answers of a run."""

from __future__ import annotations

import pytest

from sqltune.evaluation.scoring import Scoring
from sqltune.records import Phase
from tests.database.evaluated_run import EvaluatedRun

SCORER = "sql:my_scores"
#: Right where the answer is as long as the expected text.
BY_LENGTH = """
    CREATE VIEW my_scores AS
    SELECT r.run_id, r.phase, r.prompt_key,
           CASE WHEN LENGTH(r.response) = LENGTH(c.response) THEN 1 ELSE 0.25 END AS score,
           'by length' AS reason
      FROM responses r
      JOIN contents c ON c.content_hash = r.content_hash
"""
SCORES = "SELECT prompt_key, phase, score, reason, error_message FROM scores ORDER BY 1, 2"


def test_a_view_scores_the_answers_of_each_phase_and_says_why(run: EvaluatedRun) -> None:
    run.add_prompts({"a?": "yes", "b?": "no"}, scorer=SCORER)
    run.execute(BY_LENGTH)
    answers = {"a?": "yes", "b?": "yes"}
    for phase in (Phase.BASE, Phase.AFTER):
        run.ask(phase, run.backend(answers=answers), scoring=Scoring(SCORER), model_key=phase.value)
    assert run.rows(SCORES) == []
    assert run.score(Scoring(SCORER), reads_views=True) == 4
    assert run.rows(SCORES) == [
        ("k00000", "after", 1.0, "by length", None),
        ("k00000", "base", 1.0, "by length", None),
        ("k00001", "after", 0.25, "by length", None),
        ("k00001", "base", 0.25, "by length", None),
    ]
    assert run.value("SELECT MAX(pass_threshold) FROM scores") == 0.5


def test_answers_that_are_scored_already_are_not_scored_again(run: EvaluatedRun) -> None:
    run.add_prompts(3, scorer=SCORER)
    run.execute(BY_LENGTH)
    run.ask(scoring=Scoring(SCORER))
    assert run.score(Scoring(SCORER), reads_views=True) == 3
    assert run.score(Scoring(SCORER), reads_views=True) == 0


def test_a_view_beside_another_primary_scorer_is_an_extra_one(run: EvaluatedRun) -> None:
    run.add_prompts({"a?": "yes"})
    run.execute(BY_LENGTH)
    scoring = Scoring("exact", (SCORER,))
    run.ask(backend=run.backend(answers={"a?": "yes"}), scoring=scoring)
    run.score(scoring, reads_views=True)
    stored = "SELECT scorer, is_primary_scorer, score FROM scores ORDER BY scorer"
    assert run.rows(stored) == [("exact", 1, 1.0), (SCORER, 0, 1.0)]


@pytest.mark.parametrize(
    ("score", "words"),
    [
        ("NULL", "returns NULL as score: return a number from 0 to 1"),
        ("7", "returns 7 as score: divide it"),
        ("-0.5", "returns -0.5 as score: divide it"),
        ("'good'", "returns the text 'good' as score: CAST it"),
    ],
)
def test_a_score_that_is_none_is_an_error_of_its_answer_with_the_cure(
    run: EvaluatedRun, score: str, words: str
) -> None:
    run.add_prompts(1, scorer=SCORER)
    _make_view(run, f"{score} AS score")
    run.ask(scoring=Scoring(SCORER))
    run.score(Scoring(SCORER), reads_views=True)
    ((_, _, stored, _, message),) = run.rows(SCORES)
    assert stored is None
    assert words in message


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ("1 AS score, 'x' AS phase", "has no row for this answer: return one for each run_id"),
        ("1 AS points", "returns no column score, only run_id, prompt_key, points, phase"),
    ],
)
def test_a_view_that_says_nothing_of_an_answer_is_an_error_of_it(
    run: EvaluatedRun, columns: str, words: str
) -> None:
    run.add_prompts(1, scorer=SCORER)
    columns = columns if "phase" in columns else f"{columns}, r.phase"
    run.execute(
        f"CREATE VIEW my_scores AS SELECT r.run_id, r.prompt_key, {columns} FROM responses r"
    )
    run.ask(scoring=Scoring(SCORER))
    run.score(Scoring(SCORER), reads_views=True)
    assert words in run.rows(SCORES)[0][4]


def test_two_rows_for_one_answer_are_an_error_of_it(run: EvaluatedRun) -> None:
    run.add_prompts(1, scorer=SCORER)
    one = "SELECT run_id, phase, prompt_key, 1 AS score FROM responses"
    run.execute(f"CREATE VIEW my_scores AS {one} UNION ALL {one}")
    run.ask(scoring=Scoring(SCORER))
    run.score(Scoring(SCORER), reads_views=True)
    assert "returns more than one row for this answer: group by" in run.rows(SCORES)[0][4]


@pytest.mark.parametrize("scorer", ["sql:no_such_view", "sql:pragma_table_info"])
def test_a_view_that_cannot_be_read_is_an_error_of_every_answer(
    run: EvaluatedRun, scorer: str
) -> None:
    run.add_prompts(2, scorer=scorer)
    run.ask(scoring=Scoring(scorer))
    assert run.score(Scoring(scorer), reads_views=True) == 2
    assert all(f"{scorer} cannot be read: the " in row[4] for row in run.rows(SCORES))


def test_rows_of_other_runs_do_not_count(run: EvaluatedRun) -> None:
    run.add_run(2)
    run.add_prompts(1, scorer=SCORER)
    run.add_prompts(1, scorer=SCORER, run_id=2)
    _make_view(run, "1.0 / r.run_id AS score")
    run.ask(scoring=Scoring(SCORER))
    run.ask(scoring=Scoring(SCORER), run_id=2)
    run.score(Scoring(SCORER), reads_views=True)
    assert run.rows("SELECT run_id, score FROM scores") == [(1, 1.0)]


def _make_view(run: EvaluatedRun, column: str) -> None:
    columns = f"r.run_id, r.phase, r.prompt_key, {column}"
    run.execute(f"CREATE VIEW my_scores AS SELECT {columns} FROM responses r")
