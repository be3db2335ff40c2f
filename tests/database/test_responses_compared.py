"""From answers to a decision: scores, the pairs that are compared, the gate, the alias."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sqltune.database.connection import Database
from sqltune.database.tables import aliases
from sqltune.errors import LeaseLost
from sqltune.evaluation import Scoring, compare, decide, forget_errors, write_decision
from sqltune.evaluation import comparing as comparing_module
from sqltune.evaluation import scoring as scoring_module
from sqltune.records import Claim, Comparison, Phase
from tests.database.evaluated_run import ADAPTER, CLAIM, EvaluatedRun, right_answers


@pytest.fixture
def run(database: Database, tmp_path: Path) -> Iterator[EvaluatedRun]:
    run = EvaluatedRun(database, tmp_path)
    run.claim()
    run.add_run(1)
    yield run
    run.close()


def _answer_base_and_after(run: EvaluatedRun) -> None:
    """Ten prompts: base is right on 0 to 3, after on 2 to 8."""
    run.add_prompts(10)
    run.ask(Phase.BASE, run.backend(answers=right_answers(range(4))))
    run.ask(Phase.AFTER, run.backend(answers=right_answers(range(2, 9))), model_key="v1")


def _compare(run: EvaluatedRun) -> Comparison:
    return compare(run.database, 1, seed=0)


def test_before_and_after_are_one_row_to_read(run: EvaluatedRun) -> None:
    _answer_base_and_after(run)
    run.add_version(1)
    comparison = _compare(run)
    with run.database.transaction(CLAIM) as session:
        decision = decide(comparison, None)
        write_decision(session, ADAPTER, 1, 1, comparison, decision, min_gain=None, now=run.clock())
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
    _answer_base_and_after(run)
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
    _answer_base_and_after(run)
    run.ask(Phase.BEFORE, run.backend(answers=right_answers(range(10))), model_key="v0")
    comparison = _compare(run)
    assert comparison.compared_phase == Phase.BEFORE
    assert (comparison.mean_before, comparison.losses) == (1.0, 3)


def test_answers_given_under_other_settings_are_not_compared(run: EvaluatedRun) -> None:
    run.add_prompts(4)
    run.ask(Phase.BASE, decoding_key="greedy")
    run.ask(Phase.AFTER, decoding_key="temperature 1", model_key="v1")
    comparison = _compare(run)
    assert (comparison.prompts_compared, comparison.error_count) == (0, 4)
    assert not decide(comparison, 0.0).is_accepted


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
    decision = decide(_compare(run), 0.0)
    assert not decision.is_accepted
    assert "3 prompts left out because of errors" in decision.reason


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
    _answer_base_and_after(run)
    whole = _compare(run)
    monkeypatch.setattr(comparing_module, "PAGE_SIZE", 3)
    assert _compare(run) == whole


def test_scoring_later_gives_the_scores_that_scoring_at_once_gives(
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


def test_a_crash_between_answers_and_their_scores_is_mended_by_scoring(run: EvaluatedRun) -> None:
    run.add_prompts(5)
    run.ask()
    run.execute("DELETE FROM scores WHERE prompt_key >= 'k00003'")
    assert run.score() == 2
    assert run.value("SELECT COUNT(*) FROM scores") == 5


def test_retry_scores_again_what_a_scorer_failed_on(run: EvaluatedRun) -> None:
    run.add_prompts({"Who?": "(", "What?": "n."}, scorer="regex")
    run.ask()
    assert forget_errors(run.database, CLAIM, 1) == 1
    assert run.score() == 1
    assert run.value("SELECT COUNT(*) FROM responses") == 2


def _decide(
    run: EvaluatedRun,
    run_id: int,
    version: int,
    *,
    min_gain: float | None = None,
    claim: Claim = CLAIM,
) -> bool:
    """Decide, and give whether `live` moved."""
    moves = run.value("SELECT COUNT(*) FROM alias_history")
    comparison = compare(run.database, run_id, seed=0)
    decision = decide(comparison, min_gain)
    with run.database.transaction(claim) as session:
        reason = write_decision(
            session,
            ADAPTER,
            run_id,
            version,
            comparison,
            decision,
            min_gain=min_gain,
            now=run.clock(),
        )
    stored = run.rows(f"SELECT reason FROM gate_decisions WHERE run_id = {run_id}")
    assert stored == [(reason,)]
    return bool(run.value("SELECT COUNT(*) FROM alias_history") > moves)


def _live(run: EvaluatedRun) -> int | None:
    with run.database.read() as session:
        return aliases.fetch_alias(session, ADAPTER)


def _move_live(run: EvaluatedRun, version: int) -> None:
    with run.database.transaction(CLAIM) as session:
        now = run.clock()
        aliases.move_alias(
            session, ADAPTER, "live", version, run_id=None, reason="by hand", now=now
        )


def test_an_accepted_version_goes_live_with_its_reason_in_the_history(run: EvaluatedRun) -> None:
    _answer_base_and_after(run)
    run.add_version(1)
    assert _decide(run, 1, 1, min_gain=0.2)
    assert _live(run) == 1
    (move,) = run.rows("SELECT move_number, old_version, new_version, run_id FROM alias_history")
    assert move == (1, None, 1, 1)
    assert run.value("SELECT state FROM adapter_versions") == "accepted"
    figures = run.rows("SELECT decision, wins, losses, ties, min_gain FROM gate_decisions")
    assert figures == [("accepted", 5, 2, 3, 0.2)]
    assert run.value("SELECT reason FROM alias_history") == run.value(
        "SELECT reason FROM gate_decisions"
    )


def test_a_retrained_version_that_is_worse_does_not_replace_a_good_one(run: EvaluatedRun) -> None:
    _answer_base_and_after(run)
    run.add_version(1)
    _decide(run, 1, 1)
    run.add_run(2)
    run.execute("UPDATE runs SET before_version = 1 WHERE run_id = 2")
    run.add_prompts(10, run_id=2)
    run.add_version(2)
    good, worse = run.backend(answers=right_answers(range(2, 9))), run.backend()
    run.ask(Phase.BEFORE, good, run_id=2, model_key="v1")
    run.ask(Phase.AFTER, worse, run_id=2, model_key="v2")
    assert not _decide(run, 2, 2, min_gain=0.0)
    assert _live(run) == 1
    assert run.rows("SELECT version_number, state FROM adapter_versions ORDER BY 1") == [
        (1, "accepted"),
        (2, "rejected"),
    ]
    assert "rejected: the mean change is below" in run.value(
        "SELECT reason FROM gate_decisions WHERE run_id = 2"
    )


def test_a_decision_taken_again_replaces_the_first_and_moves_the_alias_once(
    run: EvaluatedRun,
) -> None:
    _answer_base_and_after(run)
    run.add_version(1)
    assert not _decide(run, 1, 1, min_gain=0.9)
    assert _live(run) is None
    assert _decide(run, 1, 1, min_gain=0.1)
    assert not _decide(run, 1, 1, min_gain=0.1)
    assert run.value("SELECT COUNT(*) FROM gate_decisions") == 1
    assert run.value("SELECT COUNT(*) FROM alias_history") == 1


def test_a_retry_of_an_old_run_does_not_undo_a_rollback(run: EvaluatedRun) -> None:
    _answer_base_and_after(run)
    run.execute("UPDATE runs SET before_version = 1")
    for version in (1, 2, 3):
        run.add_version(version)
    _move_live(run, 1)
    assert _decide(run, 1, 2)
    _move_live(run, 3)
    for _ in range(2):
        assert not _decide(run, 1, 2)
        assert _live(run) == 3
    assert "stays where it is" in run.value("SELECT reason FROM gate_decisions")


def test_a_runner_that_lost_the_adapter_decides_nothing(run: EvaluatedRun) -> None:
    _answer_base_and_after(run)
    run.add_version(1)
    with pytest.raises(LeaseLost):
        _decide(run, 1, 1, claim=replace(CLAIM, attempt=0))
    assert _live(run) is None
    assert run.value("SELECT COUNT(*) FROM gate_decisions") == 0


def test_a_person_moves_an_alias_with_a_row_and_gets_an_answer_in_it(run: EvaluatedRun) -> None:
    for version in (1, 2):
        run.add_version(version)
    insert = "INSERT INTO alias_changes (adapter_name, version_number) VALUES (:a, :v)"
    for version in (2, 1, 9):
        run.execute(insert, {"a": ADAPTER, "v": version})
    run.execute(
        "INSERT INTO alias_changes (adapter_name, alias, version_number, reason)"
        " VALUES (:a, 'trial', 2, 'for the sales team')",
        {"a": ADAPTER},
    )
    with run.database.transaction(CLAIM) as session:
        assert aliases.settle_alias_changes(session, ADAPTER, now=run.clock()) == 3
        assert aliases.settle_alias_changes(session, ADAPTER, now=run.clock()) == 0
    assert run.rows("SELECT alias, version_number FROM aliases ORDER BY alias") == [
        ("live", 1),
        ("trial", 2),
    ]
    assert run.rows(
        "SELECT version_number, state, reason FROM alias_changes ORDER BY change_id"
    ) == [
        (2, "applied", "asked for in alias_changes"),
        (1, "applied", "asked for in alias_changes"),
        (9, "refused", "demo has no version 9"),
        (2, "applied", "for the sales team"),
    ]
    moves = run.rows(
        "SELECT move_number, old_version, new_version FROM alias_history WHERE alias = 'live'"
    )
    assert moves == [(1, None, 2), (2, 2, 1)]
