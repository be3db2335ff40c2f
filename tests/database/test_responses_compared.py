"""From answers to a verdict: scores, the pairs that are compared, the gate, the alias."""

from __future__ import annotations

import json

import pytest

from sqltune.evaluation import compare, forget_errors, reach_verdict
from sqltune.evaluation import comparing as comparing_module
from sqltune.evaluation import scoring as scoring_module
from sqltune.evaluation.scoring import Scoring
from sqltune.records import Phase
from sqltune.verdicts import Comparison, GateRules
from tests.database.evaluated_run import EvaluatedRun, answer_base_and_after, decide, right_answers


def _compare(run: EvaluatedRun) -> Comparison:
    return compare(run.database, 1, GateRules(), seed=0)


def test_before_and_after_are_one_row_to_read(run: EvaluatedRun) -> None:
    answer_base_and_after(run)
    run.add_version(1)
    comparison = _compare(run)
    decide(run, 1, 1)
    rows = run.rows(
        "SELECT prompt, response_before, response_after, score_change, outcome"
        " FROM report_before_after ORDER BY prompt_key"
    )
    assert rows[0] == ("Prompt 00000?", "yes", "no", -1.0, "regressed")
    assert rows[2] == ("Prompt 00002?", "yes", "yes", 0.0, "unchanged")
    assert rows[8] == ("Prompt 00008?", "no", "yes", 1.0, "improved")
    outcomes = [row[4] for row in rows]
    assert outcomes.count("improved") == comparison.wins == 5
    assert outcomes.count("regressed") == comparison.losses == 2
    assert outcomes.count("unchanged") == comparison.ties == 3


def test_the_comparison_pairs_each_prompt_with_itself(run: EvaluatedRun) -> None:
    answer_base_and_after(run)
    comparison = _compare(run)
    assert comparison.compared_phase == Phase.BASE
    assert (comparison.mean_before, comparison.mean_after) == (
        pytest.approx(0.4),
        pytest.approx(0.7),
    )
    assert comparison.mean_change == pytest.approx(0.3)
    assert comparison.interval_low is not None
    assert comparison.interval_low < 0.3
    assert comparison == _compare(run), "equal seeds, equal intervals"


def test_where_a_version_was_live_it_is_the_one_to_beat(run: EvaluatedRun) -> None:
    answer_base_and_after(run)
    run.ask(Phase.BEFORE, run.backend(answers=right_answers(range(10))), model_key="v0")
    comparison = _compare(run)
    assert comparison.compared_phase == Phase.BEFORE
    assert (comparison.mean_before, comparison.losses) == (1.0, 3)


def test_a_live_version_that_could_not_be_asked_everything_does_not_hold_up_its_replacement(
    run: EvaluatedRun,
) -> None:
    answer_base_and_after(run)
    run.ask(Phase.BEFORE, run.backend(answers=right_answers(range(10))), model_key="v0")
    run.execute("DELETE FROM responses WHERE phase = 'before' AND prompt_key = 'k00003'")
    comparison = _compare(run)
    assert comparison.compared_phase == Phase.BASE
    assert (comparison.prompts_compared, comparison.error_count) == (10, 0)


def test_answers_given_under_other_settings_are_not_compared(run: EvaluatedRun) -> None:
    run.add_prompts(4)
    run.ask(Phase.BASE, decoding_key="greedy")
    run.ask(Phase.AFTER, decoding_key="temperature 1", model_key="v1")
    comparison = _compare(run)
    assert (comparison.prompts_compared, comparison.error_count) == (0, 4)
    assert not reach_verdict(comparison, GateRules()).is_accepted


def test_a_rate_limit_does_not_count_as_a_wrong_answer(run: EvaluatedRun) -> None:
    run.add_prompts(20)
    right = right_answers(range(20))
    run.ask(Phase.BASE, run.backend(answers=right))
    limited = [{"at": "answer", "number": n, "code": "rate_limited"} for n in (2, 5, 11)]
    run.ask(Phase.AFTER, run.backend(answers=right, faults=limited), model_key="v1")
    comparison = _compare(run)
    assert (comparison.prompts_compared, comparison.error_count) == (17, 3)
    assert (comparison.losses, comparison.mean_after) == (0, 1.0)


def test_where_every_answer_is_an_error_the_gate_refuses_and_says_why(run: EvaluatedRun) -> None:
    run.add_prompts(3)
    run.ask(Phase.BASE)
    run.ask(Phase.AFTER, run.backend(faults=[{"at": "answer"}]), model_key="v1")
    verdict = reach_verdict(_compare(run), GateRules())
    assert not verdict.is_accepted
    assert "3 prompts left out because of errors" in verdict.reason


def test_a_prompt_without_an_expected_answer_is_shown_and_neither_scored_nor_an_error(
    run: EvaluatedRun,
) -> None:
    run.add_prompts({"Say something": None, "Who?": "no"})
    run.ask(Phase.BASE)
    run.ask(Phase.AFTER, model_key="v1")
    comparison = _compare(run)
    assert (comparison.prompts_compared, comparison.error_count) == (1, 0)
    assert run.value("SELECT COUNT(*) FROM responses") == 4
    assert run.value("SELECT COUNT(*) FROM scores") == 2


def test_valid_json_is_compared_without_an_expected_answer(run: EvaluatedRun) -> None:
    run.add_prompts({"As JSON": None}, scorer="json_valid")
    run.ask(Phase.BASE, scoring=Scoring("json_valid"))
    after = run.backend(default_answer="{}")
    run.ask(Phase.AFTER, after, model_key="v1", scoring=Scoring("json_valid"))
    assert _compare(run).wins == 1


def test_an_error_of_a_scorer_leaves_its_prompt_out(run: EvaluatedRun) -> None:
    run.add_prompts({"Who?": "(", "What?": "n."}, scorer="regex")
    run.ask(Phase.BASE)
    run.ask(Phase.AFTER, model_key="v1")
    comparison = _compare(run)
    assert (comparison.prompts_compared, comparison.error_count) == (1, 1)
    assert run.value("SELECT COUNT(*) FROM scores WHERE score IS NULL") == 2


def test_the_figures_do_not_depend_on_the_size_of_a_page(
    run: EvaluatedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_base_and_after(run)
    whole = _compare(run)
    monkeypatch.setattr(comparing_module, "PAGE_SIZE", 3)
    assert _compare(run) == whole


def test_scoring_later_writes_the_scores_that_scoring_at_once_writes(
    run: EvaluatedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring_module, "PAGE_SIZE", 4)
    run.add_prompts(10)
    scoring = Scoring("exact", ("chrf", "json_valid"))
    backend = run.backend(answers=right_answers([1, 2]))
    run.ask(Phase.BASE, backend, scoring=scoring)
    run.ask(Phase.AFTER, backend, model_key="v1", scoring=None)
    assert run.score(scoring) == 30
    assert run.score(scoring) == 0, "what is scored is not scored again"
    by_phase = [
        run.rows(
            "SELECT prompt_key, scorer, is_primary_scorer, score, pass_threshold FROM scores"
            " WHERE phase = :phase ORDER BY prompt_key, scorer",
            phase=phase,
        )
        for phase in ("base", "after")
    ]
    assert by_phase[0] == by_phase[1]


def test_a_crash_between_answers_and_their_scores_is_repaired_by_scoring(run: EvaluatedRun) -> None:
    run.add_prompts(5)
    run.ask()
    run.execute("DELETE FROM scores WHERE prompt_key >= 'k00003'")
    assert run.score() == 2
    assert run.value("SELECT COUNT(*) FROM scores") == 5


def test_retry_scores_again_what_a_scorer_failed_on(run: EvaluatedRun) -> None:
    run.add_prompts({"Who?": "(", "What?": "n."}, scorer="regex")
    run.ask()
    assert forget_errors(run.scope()) == 1
    assert run.score() == 1
    assert run.value("SELECT COUNT(*) FROM responses") == 2


def test_prompts_that_are_trained_on_are_left_out_unless_there_are_no_others(
    run: EvaluatedRun,
) -> None:
    answer_base_and_after(run)
    run.execute("UPDATE run_prompts SET is_leaked = 1 WHERE prompt_key >= 'k00004'")
    comparison = _compare(run)
    assert (comparison.prompts_compared, comparison.leaked_count) == (4, 6)
    assert (comparison.wins, comparison.losses, comparison.are_all_leaked) == (0, 2, False)
    run.execute("UPDATE run_prompts SET is_leaked = 1")
    comparison = _compare(run)
    assert (comparison.prompts_compared, comparison.leaked_count) == (10, 10)
    assert (comparison.wins, comparison.are_all_leaked) == (5, True)


def test_prompts_of_the_same_content_count_once(run: EvaluatedRun) -> None:
    """Six equal prompts would be enough signs for gate_confidence."""
    answer_base_and_after(run)
    run.execute(
        "UPDATE run_prompts SET content_hash = (SELECT content_hash FROM responses"
        " WHERE prompt_key = 'k00009' AND phase = 'base') WHERE prompt_key >= 'k00004'"
    )
    comparison = _compare(run)
    assert (comparison.prompts_compared, comparison.repeated_count) == (5, 5)
    run.add_version(1)
    decide(run, 1, 1)
    reason = run.value("SELECT reason FROM gate_decisions")
    assert "5 prompts left out because they repeat another" in str(reason)


def test_the_verdict_is_a_row_with_its_rule_and_the_prompts_that_lost_most(
    run: EvaluatedRun,
) -> None:
    answer_base_and_after(run)
    run.add_version(1)
    decide(run, 1, 1, rules=GateRules(max_regressed_share=0.1))
    (row,) = run.rows(
        "SELECT decision, rule, losses, leaked_count, p_value, worst_prompts FROM gate_decisions"
    )
    assert row[:4] == ("rejected", "max_regressed_share", 2, 0)
    assert 0 < row[4] < 0.5
    assert json.loads(row[5]) == [
        {"prompt_key": key, "score_before": 1.0, "score_after": 0.0} for key in ("k00000", "k00001")
    ]
