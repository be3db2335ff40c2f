"""The history of evaluations: what is decided again is a further row."""

from __future__ import annotations

from sqltune.verdicts import GateRules
from tests.database.evaluated_run import EvaluatedRun, answer_base_and_after, decide


def test_an_evaluation_that_is_decided_again_is_a_further_row(run: EvaluatedRun) -> None:
    answer_base_and_after(run)
    run.add_version(1)
    decide(run, 1, 1, rules=GateRules(0.9))
    (first,) = run.rows("SELECT * FROM evaluations")
    decide(run, 1, 1, rules=GateRules(0.1))
    rows = run.rows("SELECT * FROM evaluations ORDER BY evaluation_number")
    assert rows[0] == first
    assert run.rows(
        "SELECT evaluation_number, decision, previous_version, is_comparable, score_change"
        " FROM report_evaluations ORDER BY evaluation_number"
    ) == [(1, "rejected", None, 0, None), (2, "accepted", 1, 1, 0.0)]
    assert run.value("SELECT COUNT(*) FROM gate_decisions") == 1, "the verdict that counts"


def test_an_evaluation_keeps_the_figures_of_its_version(run: EvaluatedRun) -> None:
    answer_base_and_after(run)
    run.execute("UPDATE run_prompts SET is_leaked = 1 WHERE prompt_key IN ('k00000', 'k00002')")
    run.execute("UPDATE scores SET score = NULL WHERE prompt_key = 'k00003' AND phase = 'after'")
    run.add_version(1)
    decide(run, 1, 1)
    (row,) = run.rows(
        "SELECT prompt_count, clean_count, leaked_count, error_count, mean_score, clean_score,"
        " compared_version, decoding_key FROM evaluations"
    )
    # After is right on 2 to 8; 3 is an error, 0 and 2 are leaked.
    assert row == (10, 8, 2, 1, 6 / 9, 5 / 7, None, "greedy")
