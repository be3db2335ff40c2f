"""A row holds a run and lets it go on; what it did is kept, and nothing is done twice."""

from __future__ import annotations

import signal

import pytest

from tests.end_to_end.command import People, Sqltune
from tests.end_to_end.test_stopping import (
    Rows,
    begin,
    declare_rooms,
    outcome,
    stop_in_training,
    undisturbed,
)

__all__ = ["undisturbed"]


@pytest.fixture
def office(people: People) -> str:
    """An adapter whose training has several steps, never synced."""
    declare_rooms(people)
    return "office"


def hold(people: People) -> None:
    """Write what a person writes."""
    people.do("UPDATE runs SET desired_state = 'paused' WHERE run_id = 1")


def let_go(people: People) -> None:
    """Write what a person writes."""
    people.do("UPDATE runs SET desired_state = 'running' WHERE run_id = 1")


@pytest.mark.slow
@pytest.mark.parametrize("at", ["training", "answering"])
def test_a_row_holds_a_run_and_it_goes_on_where_it_stood(
    sqltune: Sqltune, people: People, office: str, undisturbed: Rows, at: str
) -> None:
    running = begin(sqltune, people, at)
    hold(people)
    held = running.finish()
    assert (held.code, "office: run 1 paused" in held.err) == (0, True)
    state = "training" if at == "training" else "answering_before"
    assert people.rows("SELECT state, resume_state, next_step FROM runs") == [
        ("paused", state, "goes on when desired_state is 'running'")
    ]
    assert people.rows("SELECT lease_owner FROM adapter_states") == [(None,)]
    sqltune.play(slots=1, steps_per_epoch=4)
    assert "office: paused, run 1 is held" in sqltune.well("sync").err
    assert people.value("SELECT is_stuck FROM runs") == 0
    asked = people.rows("SELECT prompt_key, phase, answered_at FROM responses")
    let_go(people)
    done = sqltune.well("sync")
    assert f"office: resume, run 1 was held while {state}" in done.err
    assert set(asked) <= set(people.rows("SELECT prompt_key, phase, answered_at FROM responses"))
    assert outcome(people) == undisturbed


def test_a_run_that_is_held_can_be_cancelled(sqltune: Sqltune, people: People, office: str) -> None:
    running = begin(sqltune, people, "training")
    hold(people)
    running.finish()
    sqltune.play()
    people.do("UPDATE runs SET desired_state = 'cancelled' WHERE run_id = 1")
    sqltune.well("sync")
    assert people.rows("SELECT state, resume_state FROM runs") == [("cancelled", None)]


def test_a_run_that_nobody_works_on_is_held_by_the_next_sync(
    sqltune: Sqltune, people: People, office: str
) -> None:
    stop_in_training(sqltune, people)
    assert "is held within seconds" in sqltune.well("pause", "1").err
    sqltune.well("sync")
    assert people.value("SELECT state FROM runs") == "paused"
    assert "goes on with the next sync" in sqltune.well("resume", "1").err
    sqltune.well("sync")
    assert people.value("SELECT state FROM runs") == "succeeded"


def test_a_held_run_keeps_requests_of_its_adapter_waiting(
    sqltune: Sqltune, people: People, office: str
) -> None:
    running = begin(sqltune, people, "training")
    hold(people)
    running.finish()
    sqltune.play()
    people.insert("runs", adapter_name="office")
    sqltune.well("sync")
    assert people.rows("SELECT state FROM runs ORDER BY run_id") == [("paused",), ("queued",)]
    let_go(people)
    sqltune.well("sync")
    assert people.rows("SELECT state FROM runs ORDER BY run_id") == [("succeeded",), ("succeeded",)]


def test_an_ended_run_stays_ended(sqltune: Sqltune, people: People, office: str) -> None:
    sqltune.well("sync")
    hold(people)
    assert "run 1 has ended already (succeeded)" in sqltune.well("pause", "1").err
    assert "up to date" in sqltune.well("sync").err
    assert people.value("SELECT state FROM runs") == "succeeded"


def test_a_word_that_is_no_wish_is_refused_in_the_row(
    sqltune: Sqltune, people: People, office: str
) -> None:
    stop_in_training(sqltune, people)
    people.do("UPDATE runs SET desired_state = 'stop'")
    sqltune.well("sync")
    assert people.rows("SELECT state, desired_state FROM runs") == [("succeeded", "running")]
    assert "'stop' is refused: it must be one of running, paused, cancelled" in people.value(
        "SELECT message FROM run_events WHERE event = 'wish_refused'"
    )


def test_a_run_at_work_tells_since_when_it_lives_and_what_comes_next(
    sqltune: Sqltune, people: People, office: str
) -> None:
    running = begin(sqltune, people, "training")
    row = people.rows(
        "SELECT state, state_since, last_alive_at, lease_until, is_stuck, next_step"
        "  FROM report_runs"
    )[0]
    assert (row[0], row[4], row[5]) == (
        "training",
        0,
        "the new version is asked the same prompts",
    )
    assert row[3] > row[2] >= row[1], "the lease ends after the last sign of life"
    table = sqltune.well("status").out
    assert "training since" in table
    running.signal(signal.SIGKILL)
    running.finish()
    people.do("UPDATE adapter_states SET lease_until_ms = 0")
    status = sqltune.well("status", "--json").data[0]
    assert status["is_stuck"] == 1
    assert "was last heard of at" in status["stuck_reason"]
    assert "run `sqltune sync`, or start `sqltune worker` to go on" in status["stuck_reason"]
    sqltune.play(slots=1, steps_per_epoch=4)
    sqltune.well("sync")
    assert people.rows("SELECT state, is_stuck, stuck_reason FROM runs") == [("succeeded", 0, None)]


def test_a_run_whose_backend_hangs_is_marked_as_stuck_by_its_own_runner(
    sqltune: Sqltune, people: People, office: str
) -> None:
    running = begin(
        sqltune, people, "training", SQLTUNE_STALL_SECONDS="0.2", SQLTUNE_LEASE_SECONDS="1"
    )
    reason = people.await_row("SELECT stuck_reason FROM runs WHERE is_stuck = 1")[0]
    assert "its runner lives, but no step and no answer came" in reason
    (sqltune.folder / "go-on").touch()
    assert running.finish().code == 0
    assert people.rows("SELECT state, is_stuck FROM runs") == [("succeeded", 0)]


def test_the_run_of_an_adapter_that_was_deleted_can_be_ended_by_its_row(
    sqltune: Sqltune, people: People, office: str
) -> None:
    stop_in_training(sqltune, people)
    people.do("DELETE FROM adapters")
    sqltune.well("status")
    assert "table adapters has no 'office' any more" in people.value(
        "SELECT stuck_reason FROM runs"
    )
    people.do("UPDATE runs SET desired_state = 'cancelled'")
    sqltune.well("sync")
    assert people.value("SELECT state FROM runs") == "cancelled"


@pytest.mark.parametrize(("wish", "state"), [("cancelled", "cancelled"), ("paused", "paused")])
def test_a_wish_counts_also_where_the_backend_has_no_base_model_any_more(
    sqltune: Sqltune, people: People, office: str, wish: str, state: str
) -> None:
    begin(sqltune, people, "training").signal(signal.SIGKILL)
    people.do("UPDATE adapter_states SET lease_until_ms = 0")
    people.do("UPDATE runs SET desired_state = :wish", wish=wish)
    sqltune.play(base_models=[])
    sqltune("sync", "office")
    assert people.rows("SELECT state FROM runs") == [(state,)]


def test_a_run_that_fails_while_it_is_being_cancelled_is_not_tried_again(
    sqltune: Sqltune, people: People, office: str
) -> None:
    gate = sqltune.folder / "go-on"
    hang = {"at": "step", "number": 2, "kind": "hang", "until": str(gate)}
    sqltune.play(steps_per_epoch=4, faults=[hang, {"at": "step", "number": 3}])
    running = sqltune.start("sync")
    people.await_row("SELECT 1 FROM backend_calls WHERE state = 'intended'")
    people.do("UPDATE runs SET desired_state = 'cancelled'")
    gate.touch()
    running.finish()
    assert people.rows("SELECT state, next_attempt_at FROM runs") == [("cancelled", None)]
    assert people.value("SELECT retry_at FROM adapter_states") is None


def test_a_run_that_goes_wrong_while_it_is_to_be_held_is_held(
    sqltune: Sqltune, people: People, office: str
) -> None:
    # A person writes just before the backend fails, and the runner may not have looked since.
    people.do(
        "CREATE TRIGGER hold AFTER INSERT ON backend_calls FOR EACH ROW BEGIN"
        " UPDATE runs SET desired_state = 'paused'; END"
    )
    sqltune.play(faults=[{"at": "train", "number": 1}])
    sqltune.well("sync")
    people.do("DROP TRIGGER hold")
    sqltune.play()
    assert "office: paused, run 1 is held" in sqltune.well("sync").err
    assert people.rows("SELECT state, resume_state FROM runs") == [("paused", "training")]
    let_go(people)
    sqltune.well("sync")
    assert people.rows("SELECT state FROM runs") == [("succeeded",)]


def test_a_decision_does_not_stand_where_somebody_ended_the_run_meanwhile(
    sqltune: Sqltune, people: People, office: str
) -> None:
    # In the decision's own transaction, and so it is undone with it.
    people.do(
        "CREATE TRIGGER finish AFTER INSERT ON gate_decisions FOR EACH ROW BEGIN"
        " UPDATE runs SET state = 'cancelled'; END"
    )
    assert "run 1 is no longer deciding" in sqltune("sync").err
    assert (people.count("aliases"), people.count("gate_decisions")) == (0, 0)
    people.do("DROP TRIGGER finish")
    sqltune.well("sync")
    assert people.rows("SELECT state FROM runs") == [("succeeded",)]
