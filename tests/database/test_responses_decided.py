"""From a comparison to a verdict: the gate, its row, and the alias that it moves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sqltune.database.tables import aliases
from sqltune.errors import LeaseLost
from sqltune.records import Phase
from sqltune.verdicts import GateRules
from tests.database.evaluated_run import (
    ADAPTER,
    CLAIM,
    EvaluatedRun,
    answer_base_and_after,
    decide,
    right_answers,
)


def _live(run: EvaluatedRun) -> int | None:
    with run.database.read() as session:
        return aliases.fetch_alias(session, ADAPTER)


def _move_live(run: EvaluatedRun, version: int) -> None:
    with run.database.transaction(CLAIM) as session:
        move = aliases.AliasMove(ADAPTER, "live", version, None, "by hand", "a person")
        aliases.move_alias(session, move, now=run.clock())


def test_an_accepted_version_goes_live_with_its_reason_in_the_history(run: EvaluatedRun) -> None:
    answer_base_and_after(run)
    run.add_version(1)
    assert decide(run, 1, 1, rules=GateRules(0.2))
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
    answer_base_and_after(run)
    run.add_version(1)
    decide(run, 1, 1)
    run.add_run(2)
    run.execute("UPDATE runs SET before_version = 1 WHERE run_id = 2")
    run.add_prompts(10, run_id=2)
    run.add_version(2)
    good, worse = run.backend(answers=right_answers(range(2, 9))), run.backend()
    run.ask(Phase.BEFORE, good, run_id=2, model_key="v1")
    run.ask(Phase.AFTER, worse, run_id=2, model_key="v2")
    assert not decide(run, 2, 2, rules=GateRules(0.0))
    assert _live(run) == 1
    assert run.rows("SELECT version_number, state FROM adapter_versions ORDER BY 1") == [
        (1, "accepted"),
        (2, "rejected"),
    ]
    assert "rejected: the mean change is below" in run.value(
        "SELECT reason FROM gate_decisions WHERE run_id = 2"
    )


def test_a_verdict_reached_again_replaces_the_first_and_moves_the_alias_once(
    run: EvaluatedRun,
) -> None:
    answer_base_and_after(run)
    run.add_version(1)
    assert not decide(run, 1, 1, rules=GateRules(0.9))
    assert _live(run) is None
    assert decide(run, 1, 1, rules=GateRules(0.1))
    assert not decide(run, 1, 1, rules=GateRules(0.1))
    assert run.value("SELECT COUNT(*) FROM gate_decisions") == 1
    assert run.value("SELECT COUNT(*) FROM alias_history") == 1


def test_a_retry_of_an_old_run_does_not_undo_a_rollback(run: EvaluatedRun) -> None:
    answer_base_and_after(run)
    run.execute("UPDATE runs SET before_version = 1")
    for version in (1, 2, 3):
        run.add_version(version)
    _move_live(run, 1)
    assert decide(run, 1, 2)
    _move_live(run, 3)
    for _ in range(2):
        assert not decide(run, 1, 2)
        assert _live(run) == 3
    assert "is left where it is" in run.value("SELECT reason FROM gate_decisions")


def test_a_runner_that_lost_the_adapter_decides_nothing(run: EvaluatedRun) -> None:
    answer_base_and_after(run)
    run.add_version(1)
    with pytest.raises(LeaseLost):
        decide(run, 1, 1, claim=replace(CLAIM, attempt=0))
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
